"""A mail in the form of RFC 5322, from a request in Amazon SES's shape: for senders other than SES.

SES writes this form itself; here it is written the same way: text before HTML, the headers in the order of the request.
"""

import email.policy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from email.header import Header
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any, Final

from mailplatform.core import clock

from .headers import FEEDBACK_TAG_A, FEEDBACK_TAG_B

# Lines as the wire wants them, and nothing but ASCII in them: not every server takes more.
_POLICY: Final = email.policy.SMTP.clone(cte_type="7bit")
# Of 998 (RFC 5322 §2.1.1), with the name.
_LONGEST_SUBJECT: Final = 900


def write(
    request: Mapping[str, Any],
    *,
    to: str,
    message_id: str,
    subject: str,
    html: str,
    text: str,
    headers: Iterable[Mapping[str, str]] = (),
    attachments: Sequence[Mapping[str, Any]] = (),
) -> bytes:
    """Return the mail as bytes. `request` gives From, Reply-To and the tags of the feedback loop.

    `attachments` are in SES's shape, their `RawContent` is bytes.
    """
    mail = EmailMessage(policy=_POLICY)
    mail.set_content(text or "")
    if html:
        mail.add_alternative(html, subtype="html")
    for each in attachments:
        main, _, sub = each.get("ContentType", "application/octet-stream").partition("/")
        mail.add_attachment(each["RawContent"], maintype=main, subtype=sub, filename=each["FileName"])
    own = _own_headers(request, to=to, message_id=message_id, subject=subject)
    rest = ((header["Name"], header["Value"]) for header in headers)
    return b"".join(_line(name, value) for name, value in (*own, *rest)) + mail.as_bytes()


def _own_headers(
    request: Mapping[str, Any], *, to: str, message_id: str, subject: str
) -> Iterator[tuple[str, str]]:
    yield "From", _between_words(request["FromEmailAddress"])
    yield "To", to
    if request.get("ReplyToAddresses"):
        yield "Reply-To", _between_words(", ".join(request["ReplyToAddresses"]))
    yield "Subject", _encoded(" ".join(subject.split()))
    yield "Date", format_datetime(clock.now())
    yield "Message-ID", f"<{message_id}@{sender_domain(request)}>"
    if feedback := _feedback_id(request.get("DefaultEmailTags", ())):
        yield "Feedback-ID", feedback


def _line(name: str, value: str) -> bytes:
    """A header as it stands: `EmailMessage` writes long addresses of pages as encoded words, and names apart.

    Raises ValueError for what would begin another line, and for what is not ASCII.
    """
    if any("\r" in part or "\n" in part for part in (name, value.replace("\r\n ", ""))):
        raise ValueError(f"the header {name!r} holds a line break")
    return f"{name}: {value}\r\n".encode("ascii")


def _encoded(words: str) -> str:
    """Text in the encoded words of RFC 2047, where it has to be."""
    if words.isascii() and words.isprintable() and "=?" not in words and len(words) <= _LONGEST_SUBJECT:
        return words
    return _between_words(Header(words, "utf-8", maxlinelen=75, header_name="Subject").encode(linesep=""))


def _between_words(value: str) -> str:
    """Break the line between encoded words, which may be many."""
    return value.replace("?= =?", "?=\r\n =?")


def sender_address(request: Mapping[str, Any]) -> str:
    """Return the bare address that the request names as sender."""
    return parseaddr(request["FromEmailAddress"])[1]


def sender_domain(request: Mapping[str, Any]) -> str:
    """Return the part of it behind the @."""
    return sender_address(request).rpartition("@")[2]


def _feedback_id(tags: Iterable[Mapping[str, str]]) -> str:
    """Return Gmail's Feedback-ID: campaign, installation, kind, and who sends."""
    named = {tag["Name"]: tag["Value"] for tag in tags}
    if FEEDBACK_TAG_A not in named:
        return ""
    return f"{named[FEEDBACK_TAG_A]}:{named.get(FEEDBACK_TAG_B, '')}:campaign:mailplatform"
