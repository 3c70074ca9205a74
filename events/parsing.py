"""From the JSON that SES publishes to typed events. Pure; never trusts a shape, never loses an unknown value.

Two shapes exist: event publishing (`eventType`, with tags) and identity notifications (`notificationType`, without).
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
One event per recipient comes out, so that a notification that names several people counts for each.
"""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from .kinds import ENGAGEMENT, Kind, bounce_detail, bounce_kind

VALIDATION_TEXT: Final = "Successfully validated SNS topic for Amazon SES event publishing."
OUR_TAGS: Final = "mp-"
MAX_TEXT: Final = 500
MAX_LINK: Final = 2_000

_KINDS: Final = {
    "Send": (Kind.SEND, "send"),
    "Delivery": (Kind.DELIVERY, "delivery"),
    "Bounce": (Kind.BOUNCE, "bounce"),
    "Complaint": (Kind.COMPLAINT, "complaint"),
    "Reject": (Kind.REJECT, "reject"),
    "Open": (Kind.OPEN, "open"),
    "Click": (Kind.CLICK, "click"),
    "Rendering Failure": (Kind.RENDERING_FAILURE, "failure"),
    "DeliveryDelay": (Kind.DELAY, "deliveryDelay"),
    "Subscription": (Kind.SUBSCRIPTION, "subscription"),
}
_RECIPIENT_LISTS: Final = ("bouncedRecipients", "complainedRecipients", "delayedRecipients")


class Unreadable(Exception):
    """The message is genuine and is not an event of SES; it belongs in the dead-letter table."""


class NotAnEvent(Exception):
    """The message is SES's plain-text validation of the topic: nothing happened to anybody."""


@dataclass(slots=True)
class ParsedEvent:
    """One thing that happened to one recipient.

    `user_agent`, `method` (of a hit on our own links) and `recipient` are for deciding, never for storing.
    """

    kind: Kind
    raw_type: str
    message_id: str
    recipient: str
    occurred_at: datetime
    mailed_at: datetime | None
    tags: dict[str, str] = field(default_factory=dict)
    subtype: str = ""
    detail: str = ""
    diagnostic: str = ""
    feedback_id: str = ""
    link: str = ""
    user_agent: str = ""
    method: str = "GET"
    is_legacy: bool = False
    identity: bytes = b""

    @property
    def is_engagement(self) -> bool:
        return self.kind in ENGAGEMENT


def identity_of(message_id: str, raw_type: str, recipient: str, told: str) -> bytes:
    """Return 16 bytes that are the same for every copy of an event; `told` is its feedback id or link."""
    parts = f"{message_id}\0{raw_type}\0{recipient}\0{told}"
    return hashlib.sha256(parts.encode()).digest()[:16]


def parse(text: str, *, fallback_time: datetime) -> tuple[ParsedEvent, ...]:
    """Read the `Message` of a notification; `fallback_time` (the signed SNS time) stands in where SES gave none."""
    if text.startswith(VALIDATION_TEXT):
        raise NotAnEvent
    try:
        data = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Unreadable("not JSON") from error
    if not isinstance(data, dict):
        raise Unreadable("not a JSON object")
    raw_type = _text(data.get("eventType") or data.get("notificationType"))
    mail = data.get("mail")
    if not raw_type or not isinstance(mail, dict):
        raise Unreadable("no event of SES: eventType or mail is missing")
    message_id = _text(mail.get("messageId"))
    if not message_id:
        raise Unreadable("no message id")
    kind, key = _KINDS.get(raw_type, (Kind.UNKNOWN, ""))
    body = data.get(key)
    body = body if isinstance(body, dict) else {}
    if kind is Kind.BOUNCE:
        kind = bounce_kind(_text(body.get("bounceType")))
    mailed_at = _time(mail.get("timestamp"))
    shared = _Shared(
        kind,
        raw_type,
        message_id[:100],
        _time(body.get("timestamp")) or mailed_at or fallback_time,
        mailed_at,
        _tags(mail.get("tags")),
        _details(kind, body),
        _text(body.get("feedbackId")),
        is_legacy="eventType" not in data,
    )
    said = _diagnostic(kind, body)
    return tuple([_event(shared, address, own or said) for address, own in _recipients(body, mail)])


@dataclass(slots=True)
class _Shared:
    """What a notification says of all its recipients; `details` are subtype, detail, link and user agent."""

    kind: Kind
    raw_type: str
    message_id: str
    occurred_at: datetime
    mailed_at: datetime | None
    tags: dict[str, str]
    details: tuple[str, str, str, str]
    feedback_id: str
    is_legacy: bool


def _event(shared: _Shared, address: str, diagnostic: str) -> ParsedEvent:
    subtype, detail, link, user_agent = shared.details
    if shared.kind is Kind.BOUNCE:
        detail = bounce_detail(detail, diagnostic)
    return ParsedEvent(
        kind=shared.kind,
        raw_type=shared.raw_type,
        message_id=shared.message_id,
        recipient=address,
        occurred_at=shared.occurred_at,
        mailed_at=shared.mailed_at,
        tags=shared.tags,
        subtype=subtype,
        detail=detail,
        diagnostic=diagnostic,
        feedback_id=shared.feedback_id,
        link=link,
        user_agent=user_agent,
        is_legacy=shared.is_legacy,
        identity=identity_of(shared.message_id, shared.raw_type, address, shared.feedback_id or link),
    )


_NO_DETAILS: Final = ("", "", "", "")


def _details(kind: Kind, body: dict[str, Any]) -> tuple[str, str, str, str]:
    """Subtype, detail, link and user agent, as far as this kind of event has them."""
    if kind in ENGAGEMENT:
        return "", "", _text(body.get("link"), MAX_LINK), _text(body.get("userAgent"))
    if kind in {Kind.BOUNCE, Kind.SOFT_BOUNCE}:
        return _text(body.get("bounceType")), _text(body.get("bounceSubType")), "", ""
    if kind is Kind.COMPLAINT:
        return _text(body.get("complaintFeedbackType")), _text(body.get("complaintSubType")), "", ""
    if kind is Kind.DELAY:
        return _text(body.get("delayType")), "", "", ""
    return _NO_DETAILS


def _diagnostic(kind: Kind, body: dict[str, Any]) -> str:
    if kind is Kind.REJECT:
        return _text(body.get("reason"))
    if kind is Kind.RENDERING_FAILURE:
        return _text(body.get("errorMessage"))
    return ""


def _recipients(body: dict[str, Any], mail: dict[str, Any]) -> list[tuple[str, str]]:
    """People this event is about with what their server said; those it names itself before all of the mail's."""
    for key in _RECIPIENT_LISTS:
        named = body.get(key)
        if isinstance(named, list) and named:
            entries = [entry for entry in named if isinstance(entry, dict)]
            pairs = [
                (_address(entry.get("emailAddress")), _text(entry.get("diagnosticCode"))) for entry in entries
            ]
            return _unique(pairs)
    listed = body.get("recipients") or mail.get("destination")
    if isinstance(listed, list) and len(listed) == 1:
        return [(_address(listed[0]), "")]
    addresses = listed if isinstance(listed, list) else []
    return _unique([(_address(address), "") for address in addresses])


def _unique(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(dict(pairs).items()) or [("", "")]


def _address(value: object) -> str:
    """The bare address in lower case; SES writes some as `Name <address>`."""
    text = _text(value).strip()
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1]
    return text.lower()


def _tags(value: object) -> dict[str, str]:
    """Our own tags; those that SES adds to each mail are of no use to us."""
    if not isinstance(value, dict):
        return {}
    found: dict[str, str] = {}
    for name, values in value.items():
        if name.startswith(OUR_TAGS) and isinstance(values, list) and values and isinstance(values[0], str):
            found[name] = values[0]
    return found


def _time(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
        return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _text(value: object, limit: int = MAX_TEXT) -> str:
    """Text without NUL (Postgres stores none), cut to `limit` characters; '' for anything else."""
    return value.replace("\0", "")[:limit] if isinstance(value, str) else ""
