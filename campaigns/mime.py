"""A mail in the form of RFC 5322, from a request in Amazon SES's shape: for senders other than SES.

SES writes this form itself; here it is written the same way: text before HTML, the headers in the order of the request.
"""

import email.policy
from collections.abc import Iterable, Mapping, Sequence
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr
from typing import Any, Final

from mailplatform.core import clock

from .headers import FEEDBACK_TAG_A, FEEDBACK_TAG_B

# Lines as the wire wants them, and nothing but ASCII in them: not every server takes more.
_POLICY: Final = email.policy.SMTP.clone(cte_type="7bit")


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
    mail["From"] = request["FromEmailAddress"]
    mail["To"] = to
    if request.get("ReplyToAddresses"):
        mail["Reply-To"] = ", ".join(request["ReplyToAddresses"])
    mail["Subject"] = " ".join(subject.split())
    mail["Date"] = format_datetime(clock.now())
    mail["Message-ID"] = f"<{message_id}@{sender_domain(request)}>"
    if feedback := _feedback_id(request.get("DefaultEmailTags", ())):
        mail["Feedback-ID"] = feedback
    for header in headers:
        mail[header["Name"]] = header["Value"]
    mail.set_content(text or "")
    if html:
        mail.add_alternative(html, subtype="html")
    for each in attachments:
        main, _, sub = each.get("ContentType", "application/octet-stream").partition("/")
        mail.add_attachment(each["RawContent"], maintype=main, subtype=sub, filename=each["FileName"])
    return mail.as_bytes()


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
