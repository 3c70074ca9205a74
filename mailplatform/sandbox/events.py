"""SES's event JSON, to the letter.

Shapes: docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html and -examples.html.
"""

from datetime import UTC, datetime
from typing import Any

from . import mime
from .constants import ACCOUNT_ID, CALLER_IDENTITY
from .message import Message, new_feedback_id

Json = dict[str, Any]
_HEADER_LIMIT = 10 * 1024
SOURCE_IP = "127.0.0.1"
_OUTGOING_IP = "192.0.2.25"
_REMOTE_IP = "203.0.113.25"

# API name -> (eventType, key of the event's own object)
NAMES = {
    "SEND": ("Send", "send"),
    "DELIVERY": ("Delivery", "delivery"),
    "BOUNCE": ("Bounce", "bounce"),
    "COMPLAINT": ("Complaint", "complaint"),
    "REJECT": ("Reject", "reject"),
    "OPEN": ("Open", "open"),
    "CLICK": ("Click", "click"),
    "RENDERING_FAILURE": ("Rendering Failure", "failure"),
    "DELIVERY_DELAY": ("DeliveryDelay", "deliveryDelay"),
    "SUBSCRIPTION": ("Subscription", "subscription"),
}
_SUPPRESSED = (
    "Amazon SES did not send the message to this address because it is on the suppression list for your "
    "account. For more information about removing addresses from the suppression list, see the Amazon SES "
    "Developer Guide at https://docs.aws.amazon.com/ses/latest/DeveloperGuide/sending-email-suppression-list.html"
)
_GLOBALLY_SUPPRESSED = (
    "Amazon SES has suppressed sending to this address because it has a recent history of bouncing as an "
    "invalid address. For more information about how to remove an address from the suppression list, see the "
    "Amazon SES Developer Guide: http://docs.aws.amazon.com/ses/latest/DeveloperGuide/remove-from-suppressionlist.html"
)


def stamp(at: float) -> str:
    """ISO 8601 with milliseconds."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def auto_tags(*, configuration_set: str, operation: str, from_domain: str) -> dict[str, list[str]]:
    """Tags that SES adds to every mail."""
    tags = {
        "ses:source-tls-version": ["TLSv1.3"],
        "ses:operation": [operation],
        "ses:source-ip": [SOURCE_IP],
        "ses:from-domain": [from_domain],
        "ses:caller-identity": [CALLER_IDENTITY],
    }
    return {**tags, "ses:configuration-set": [configuration_set]} if configuration_set else tags


def build(kind: str, message: Message, body: Json) -> Json:
    """A whole event of API type ``kind`` around its own object ``body``."""
    name, key = NAMES[kind]
    return {"eventType": name, "mail": _mail(kind, message), key: body}


def _mail(kind: str, message: Message) -> Json:
    mail: Json = {"timestamp": stamp(message.sent_at), "source": message.source}
    if kind not in {"OPEN", "CLICK"}:
        mail["sourceArn"] = message.source_arn
    mail |= {
        "sendingAccountId": ACCOUNT_ID,
        "messageId": message.id,
        "destination": message.destination,
        "headersTruncated": False,
    }
    if kind not in {"RENDERING_FAILURE", "DELIVERY_DELAY"}:
        # A templated mail is not rendered yet when Send is published: it has no subject there.
        bare = kind == "SEND" and bool(message.template)
        headers = _headers(message, with_subject=not bare)
        mail["headersTruncated"] = len(headers) < _count(message, bare=bare)
        mail["headers"] = headers
        mail["commonHeaders"] = _common_headers(message, with_subject=not bare)
    tags = dict(message.tags)
    if kind not in {"SEND", "RENDERING_FAILURE", "REJECT"}:
        tags["ses:outgoing-ip"] = [_OUTGOING_IP]
    mail["tags"] = tags
    return mail


def _all_headers(message: Message, *, with_subject: bool) -> list[tuple[str, str]]:
    kept = [item for item in message.headers if with_subject or item[0].lower() != "subject"]
    if message.raw:
        return kept
    return [*kept, ("MIME-Version", "1.0"), ("Content-Type", mime.content_type(message))]


def _count(message: Message, *, bare: bool) -> int:
    return len(_all_headers(message, with_subject=not bare))


def _headers(message: Message, *, with_subject: bool) -> list[Json]:
    size, shown = 0, []
    for name, value in _all_headers(message, with_subject=with_subject):
        size += len(name) + len(value) + 4
        if size > _HEADER_LIMIT:
            break
        shown.append({"name": name, "value": value})
    return shown


def _common_headers(message: Message, *, with_subject: bool) -> Json:
    common: Json = {"from": [message.header("From") or message.source]}
    if message.header("Reply-To"):
        common["replyTo"] = [message.header("Reply-To")]
    to = message.header("To")
    common["to"] = [part.strip() for part in to.split(",")] if to else []
    if message.header("Cc"):
        common["cc"] = [part.strip() for part in message.header("Cc").split(",")]
    common["messageId"] = message.id
    if with_subject:
        common["subject"] = message.subject
    return common


def _mta(message: Message) -> str:
    return f"a1-25.smtp-out.{message.region}.amazonses.com"


def delivery(message: Message, recipient: str, at: float) -> Json:
    """The object of a Delivery."""
    return {
        "timestamp": stamp(at),
        "processingTimeMillis": max(0, int((at - message.sent_at) * 1000)),
        "recipients": [recipient],
        "smtpResponse": "250 2.6.0 Message received",
        "remoteMtaIp": _REMOTE_IP,
        "reportingMTA": _mta(message),
    }


def bounce(
    message: Message, recipient: str, at: float, subtype: str = "General", kind: str = "Permanent"
) -> Json:
    """The object of a Bounce; the subtype decides the words."""
    detail: Json = {"emailAddress": recipient, "action": "failed", "status": "5.1.1"}
    mta = f"dns; {_mta(message)}"
    if subtype == "OnAccountSuppressionList":
        detail["diagnosticCode"], mta = _SUPPRESSED, "dns; amazonses.com"
    elif subtype == "Suppressed":
        detail["diagnosticCode"], mta = _GLOBALLY_SUPPRESSED, "dns; amazonses.com"
    elif kind == "Permanent":
        detail["diagnosticCode"] = "smtp; 550 5.1.1 user unknown"
    else:
        detail |= {"status": "4.2.2", "diagnosticCode": "smtp; 452 4.2.2 mailbox full"}
    return {
        "feedbackId": new_feedback_id(message.region, at),
        "bounceType": kind,
        "bounceSubType": subtype,
        "bouncedRecipients": [detail],
        "timestamp": stamp(at),
        "reportingMTA": mta,
    }


def complaint(message: Message, recipient: str, at: float, feedback_type: str = "abuse") -> Json:
    """The object of a Complaint."""
    return {
        "feedbackId": new_feedback_id(message.region, at),
        "complaintSubType": None,
        "complainedRecipients": [{"emailAddress": recipient}],
        "timestamp": stamp(at),
        "userAgent": "Amazon SES Mailbox Simulator",
        "complaintFeedbackType": feedback_type,
        "arrivalDate": stamp(at),
    }


def delay(
    message: Message, recipient: str, at: float, delay_type: str = "TransientCommunicationFailure"
) -> Json:
    """The object of a DeliveryDelay."""
    code = "smtp; 421 4.4.1 Unable to connect to remote host"
    return {
        "timestamp": stamp(at),
        "delayType": delay_type,
        "expirationTime": stamp(message.sent_at + 14 * 3600),
        "delayedRecipients": [{"emailAddress": recipient, "status": "4.4.1", "diagnosticCode": code}],
        "reportingMTA": _mta(message),
    }


def opened(at: float, ip: str, user_agent: str) -> Json:
    """The object of an Open."""
    return {"timestamp": stamp(at), "userAgent": user_agent, "ipAddress": ip}


def clicked(at: float, ip: str, user_agent: str, link: str, tags: dict[str, list[str]]) -> Json:
    """The object of a Click."""
    found: Json = {"timestamp": stamp(at), "ipAddress": ip, "userAgent": user_agent, "link": link}
    return {**found, "linkTags": tags or None}


def subscription(at: float, contact_list: str = "ContactListName") -> Json:
    """The object of a Subscription."""

    def preferences(*, gone: bool) -> Json:
        status = "OptOut" if gone else "OptIn"
        topics = [{"topicName": "ExampleTopicName", "subscriptionStatus": status}]
        return {"unsubscribeAll": gone, "topicSubscriptionStatus": topics}

    return {
        "contactList": contact_list,
        "timestamp": stamp(at),
        "source": "UnsubscribeHeader",
        "newTopicPreferences": preferences(gone=True),
        "oldTopicPreferences": preferences(gone=False),
    }


def failure(message: Message) -> Json:
    """The object of a Rendering Failure."""
    return {"errorMessage": message.failure, "templateName": message.template}
