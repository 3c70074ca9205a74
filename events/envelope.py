"""The shape of a message of Amazon SNS before its signature is checked: fields, address of the certificate, time.

Pure. What is refused here is refused without leaving the process.
Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html, made stricter: the host must
*equal* the one of the pinned topic's Region.
"""

import base64
import binascii
import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import orjson
from cryptography.hazmat.primitives import hashes

from . import trust

_CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_SIGNED: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": _CONFIRMATION,
    "UnsubscribeConfirmation": _CONFIRMATION,
}
_WANTED: Final = {
    kind: frozenset({*names, "SignatureVersion", "Signature", "SigningCertURL"} - {"Subject"})
    for kind, names in _SIGNED.items()
}
_READ: Final = {
    kind: (*names, "SignatureVersion", "Signature", "SigningCertURL") for kind, names in _SIGNED.items()
}
HASHES: Final = {"1": hashes.SHA1(), "2": hashes.SHA256()}  # noqa: S303  (version 1 is what SNS signs by default)
_PATH = re.compile(r"/SimpleNotificationService-[0-9a-f]{32}\.pem")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?Z")
_ARN = re.compile(r"arn:aws[a-z-]{0,10}:sns:([a-z0-9-]{5,30}):(\d{12}):[A-Za-z0-9_-]{1,256}")


class Refused(Exception):
    """This message is not to be believed, now or later. `status` is the HTTP answer (400 or 403)."""

    def __init__(self, reason: str, status: int = 403) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


class UnknownTopic(Refused):
    """The topic is not one of ours; perhaps it became one a moment ago."""


class CannotVerifyNow(Exception):
    """Whether this message is genuine cannot be told now; SNS should send it again (503)."""


@dataclass(slots=True)
class SnsMessage:
    """What a verified message says. `timestamp` is the signed one, the same on every retry."""

    type: str
    message_id: str
    topic_arn: str
    message: str
    timestamp: datetime
    token: str
    subject: str | None


@dataclass(slots=True)
class Envelope:
    """A message whose shape, topic, host and age are right and whose signature is not checked yet."""

    fields: dict[str, str]
    region: str
    timestamp: datetime
    signature: bytes

    @property
    def certificate_url(self) -> str:
        return self.fields["SigningCertURL"]


@lru_cache(maxsize=64)  # the same few of every message; what is refused is not kept
def region_of(topic_arn: str) -> str:
    """Return the Region of an SNS topic; `Refused` for what is no topic."""
    arn = _ARN.fullmatch(topic_arn)
    if arn is None:
        raise UnknownTopic("the topic is not one of ours")
    return arn[1]


def read_fields(body: bytes) -> dict[str, str]:
    """Return the text fields of `body`, complete for its type; `Refused` (400) for everything else."""
    try:
        data = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Refused("the body is not JSON", 400) from error
    kind = data.get("Type") if isinstance(data, dict) else None
    if not isinstance(kind, str) or kind not in _SIGNED:
        raise Refused("the body is not a message of SNS", 400)
    # What is not signed in a message of this type is not read at all.
    fields = {key: value for key in _READ[kind] if isinstance(value := data.get(key), str)}
    if not _WANTED[kind] <= fields.keys() or (
        "Subject" in data and data["Subject"] is not None and "Subject" not in fields
    ):
        raise Refused("the message lacks a field", 400)
    if fields["SignatureVersion"] not in HASHES:
        raise Refused("unknown signature version", 400)
    return fields


@lru_cache(maxsize=64)
def check_url(url: str, region: str) -> None:
    """The address must be exactly what SNS of this Region uses: no port, no user, no query, no other host."""
    try:
        expected, parts = trust.sns_host(region), urlsplit(url)
    except ValueError as error:
        raise Refused("the certificate's address cannot be read") from error
    exact = f"https://{expected}{parts.path}"
    if parts.netloc != expected or not _PATH.fullmatch(parts.path) or url != exact:
        raise Refused("the certificate's address is not the one of SNS in the topic's Region")


def parse_time(text: str) -> datetime:
    """Read a signed Timestamp as UTC."""
    if not _TIME.fullmatch(text):
        raise Refused("the time cannot be read", 400)
    try:
        return datetime.fromisoformat(text)  # its Z says UTC
    except ValueError as error:
        raise Refused("the time cannot be read", 400) from error


def decode_signature(text: str) -> bytes:
    """Decode canonical base64 only, so that no other spelling of a signature passes."""
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Refused("the signature is not base64") from error
    if base64.b64encode(decoded).decode() != text:
        raise Refused("the signature is not canonical base64")
    return decoded


def string_to_sign(fields: dict[str, str]) -> bytes:
    """Build the bytes that SNS signs: name, line break, value, line break, in the order of its documentation."""
    return "".join(
        [f"{name}\n{fields[name]}\n" for name in _SIGNED[fields["Type"]] if name in fields]
    ).encode()


def message_of(fields: dict[str, str], timestamp: datetime) -> SnsMessage:
    """Return what the fields of a message say; they must be believed already."""
    return SnsMessage(
        type=fields["Type"],
        message_id=fields["MessageId"],
        topic_arn=fields["TopicArn"],
        message=fields["Message"],
        timestamp=timestamp,
        token=fields.get("Token", ""),
        subject=fields.get("Subject"),
    )
