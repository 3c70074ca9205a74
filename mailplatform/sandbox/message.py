"""One accepted mail: what SES knows of it, packed small for the mailbox.

Mails of one template differ little, so each is compressed against its template as a dictionary:
a 20 kB mail takes a few hundred bytes, and a hundred thousand fit in memory.
"""

import hashlib
import time
import zlib
from contextvars import ContextVar
from dataclasses import dataclass, field, fields
from typing import Any

import orjson

from .ids import new_uuid

# SES message ids begin with a number of the Region, then the time in milliseconds.
_REGION_PREFIX = {"us-east-1": "0100", "us-west-2": "0101", "eu-west-1": "0102", "eu-central-1": "0107"}
_WINDOW = 32_000

# When the signature of the call that is being answered was found to be good. A mail bears this time, however long
# its rendering then waits for the processor: what was signed in time was sent in time.
signed_at: ContextVar[float | None] = ContextVar("signed_at", default=None)


@dataclass
class Link:
    """A link that was rewritten for click tracking."""

    url: str
    tags: dict[str, list[str]] = field(default_factory=dict)
    is_empty: bool = False  # no words and no picture: people cannot follow it, programs do


@dataclass
class Attachment:
    """One attachment, its content base64 as MIME wants it."""

    name: str
    content_type: str
    disposition: str
    content: str
    content_id: str = ""
    description: str = ""


@dataclass
class Message:
    """An accepted mail. ``headers`` are those on the wire, in order, without the MIME ones."""

    id: str
    sent_at: float
    source: str
    source_arn: str
    destination: list[str]
    headers: list[tuple[str, str]]
    tags: dict[str, list[str]]
    configuration_set: str = ""
    subject: str = ""
    text: str | None = None
    html: str | None = None
    raw: str = ""
    template: str = ""
    failure: str = ""
    region: str = "eu-central-1"
    open_tracking: bool = False
    links: list[Link] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    infected: bool = False

    def header(self, name: str) -> str:
        """Value of a header, empty where it is missing."""
        wanted = name.lower()
        return next((value for key, value in self.headers if key.lower() == wanted), "")

    @property
    def host(self) -> str:
        """Domain of the Message-ID header."""
        return "email.amazonses.com" if self.region == "us-east-1" else f"{self.region}.amazonses.com"


def time_of_sending() -> float:
    """The Unix time that a mail of the current call bears."""
    return signed_at.get() or time.time()


def new_id(region: str, sent_at: float) -> str:
    """A message id of SES's shape."""
    prefix = _REGION_PREFIX.get(region, "0110")
    return f"{prefix}{int(sent_at * 1000):012x}-{new_uuid()}-000000"


def new_feedback_id(region: str, at: float) -> str:
    """A feedback id of SES's shape."""
    return new_id(region, at)


def dictionary_of(template: str) -> bytes:
    """The compression dictionary of a template: its last 32 kB, the reach of deflate."""
    return template.encode()[-_WINDOW:]


def digest(dictionary: bytes) -> bytes:
    """Name of a dictionary."""
    return hashlib.sha256(dictionary).digest()


class Packer:
    """Compresses mails of one template. Reading in the dictionary is the dear part, so it is done once."""

    def __init__(self, dictionary: bytes) -> None:
        self._primed = zlib.compressobj(1, zdict=dictionary) if dictionary else zlib.compressobj(1)

    def pack(self, message: Message) -> bytes:
        """Serialise and compress."""
        packer = self._primed.copy()
        return packer.compress(orjson.dumps(message)) + packer.flush()


def unpack(content: bytes, dictionary: bytes) -> Message:
    """The inverse of ``Packer.pack``."""
    opener = zlib.decompressobj(zdict=dictionary) if dictionary else zlib.decompressobj()
    value: dict[str, Any] = orjson.loads(opener.decompress(content))
    known = {item.name for item in fields(Message)}
    value = {key: item for key, item in value.items() if key in known}
    value["headers"] = [(name, text) for name, text in value["headers"]]
    value["links"] = [Link(**link) for link in value["links"]]
    value["attachments"] = [Attachment(**item) for item in value["attachments"]]
    return Message(**value)
