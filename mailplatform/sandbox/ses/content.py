"""From accepted parameters to the mail as it leaves: headers, parts, tracking."""

import base64
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.message import Message as ParsedMessage
from email.policy import SMTP
from typing import Any

from .. import events, tracking
from ..errors import bad_request
from ..message import Attachment, Message, new_id, time_of_sending
from ..publisher import Publisher
from .envelope import Envelope
from .state import State

_EICAR = b"EICAR-STANDARD-ANTIVIRUS-TEST-FILE"


@dataclass
class Draft:
    """One mail about to be accepted. ``recipients`` are (kind, text, bare address)."""

    recipients: list[tuple[str, str, str]]
    tags: dict[str, list[str]]
    headers: list[tuple[str, str]] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    template: str = ""

    @property
    def addresses(self) -> list[str]:
        """Bare addresses."""
        return [address for _, _, address in self.recipients]


class Composer:
    """Makes messages; knows which of them are tracked."""

    def __init__(self, state: State, publisher: Publisher) -> None:
        self._state = state
        self._publisher = publisher

    def compose(self, envelope: Envelope, draft: Draft, parts: dict[str, Any], failure: str = "") -> Message:
        """A simple or templated mail from its rendered parts."""
        message = self._blank(envelope, draft)
        message.subject = parts.get("subject") or ""
        message.failure = failure
        message.headers = [("From", envelope.source)]
        if envelope.reply_to:
            message.headers.append(("Reply-To", ", ".join(envelope.reply_to)))
        for kind in ("To", "Cc"):
            texts = [text for shown, text, _ in draft.recipients if shown == kind]
            if texts:
                message.headers.append((kind, ", ".join(texts)))
        if not failure:
            message.headers.append(("Subject", message.subject))
        message.headers += draft.headers
        message.text, message.html = parts.get("text"), parts.get("html")
        message.attachments = draft.attachments
        message.infected = any(_EICAR in base64.b64decode(item.content) for item in draft.attachments)
        self._track(envelope, message)
        return message

    def compose_raw(self, envelope: Envelope, draft: Draft, data: bytes) -> Message:
        """A raw mail: its own headers and parts, untouched but for Message-ID and Date."""
        message = self._blank(envelope, draft)
        message.raw = _crlf(data).decode("latin-1")
        parsed = message_from_bytes(data, policy=SMTP)
        hidden = {"bcc", "date", "message-id", "return-path"}
        message.headers = [
            (name, str(value))
            for name, value in parsed.items()
            if name.lower() not in hidden and not name.lower().startswith("x-ses-")
        ]
        message.subject = str(parsed.get("Subject", ""))
        message.text, message.html = _body(parsed, "plain"), _body(parsed, "html")
        message.infected = any(
            _EICAR in (part.get_payload(decode=True) or b"")
            for part in parsed.walk()
            if not part.is_multipart()
        )
        return message

    def _blank(self, envelope: Envelope, draft: Draft) -> Message:
        now = time_of_sending()
        tags = events.auto_tags(
            configuration_set=envelope.set_name,
            operation=envelope.operation,
            from_domain=envelope.from_domain,
        )
        return Message(
            id=new_id(self._state.region, now),
            sent_at=now,
            source=envelope.source,
            source_arn=self._state.arn("identity", envelope.identity),
            destination=draft.addresses,
            headers=[],
            tags={**tags, **draft.tags},
            configuration_set=envelope.set_name,
            template=draft.template,
            region=self._state.region,
        )

    def _track(self, envelope: Envelope, message: Message) -> None:
        if message.html is None:
            return
        base = self._state.config.base_url
        if self._enabled(envelope, "CLICK", "ClickTrackingEnabled"):
            message.html, message.links = tracking.rewrite_links(
                message.html, lambda number: f"{base}/_sandbox/r/{message.id}/{number}"
            )
        else:
            message.html = tracking.strip_attributes(message.html)
        if self._enabled(envelope, "OPEN", "OpenTrackingEnabled"):
            message.html = tracking.add_pixel(message.html, f"{base}/_sandbox/o/{message.id}")
            message.open_tracking = True
        else:
            message.html = tracking.drop_placeholder(message.html)

    def _enabled(self, envelope: Envelope, kind: str, override: str) -> bool:
        """The request's own override, else whether the set publishes this event or has engagement metrics."""
        if override in envelope.overrides:
            return envelope.overrides[override] == "ENABLED"
        return self._publisher.wants(envelope.set_name, kind) or self._state.measures(envelope.set_name)


def attachments_of(items: list[dict[str, Any]]) -> list[Attachment]:
    """Attachments of a request."""
    return [
        Attachment(
            name=item["FileName"],
            content_type=item.get("ContentType", "application/octet-stream"),
            disposition=item.get("ContentDisposition", "ATTACHMENT"),
            content=base64.b64encode(item["RawContent"]).decode("ascii"),
            content_id=item.get("ContentId", ""),
            description=item.get("ContentDescription", ""),
        )
        for item in items
    ]


def raw_header(data: bytes, name: str) -> str:
    """A header of a raw mail."""
    try:
        return str(message_from_bytes(data, policy=SMTP).get(name, ""))
    except (ValueError, IndexError) as error:
        raise bad_request(f"The raw message cannot be read: {error}") from error


def _crlf(data: bytes) -> bytes:
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _body(parsed: ParsedMessage, kind: str) -> str | None:
    part = parsed.get_body((kind,)) if isinstance(parsed, EmailMessage) else None
    return str(part.get_content()) if part else None
