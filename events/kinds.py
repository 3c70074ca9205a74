"""What can happen to a mail, and which of two happenings weighs more. Pure.

The order is the whole rule for outcomes: a person's outcome in a run only ever rises, so a late `Delivery` never
undoes a `Complaint`, in whatever order SNS brings them.
"""

import re
from enum import IntEnum, StrEnum


class Kind(StrEnum):
    """Type of an event, our own word for it."""

    SEND = "send"
    DELIVERY = "delivery"
    DELAY = "delivery_delay"
    REJECT = "reject"
    RENDERING_FAILURE = "rendering_failure"
    BOUNCE = "bounce"
    SOFT_BOUNCE = "soft_bounce"
    COMPLAINT = "complaint"
    OPEN = "open"
    CLICK = "click"
    SUBSCRIPTION = "subscription"
    UNKNOWN = "unknown"


class Outcome(IntEnum):
    """How a mail ended for one person, by severity; the greatest stays."""

    NONE = 0
    SENT = 10
    DELAYED = 20
    DELIVERED = 30
    SOFT_BOUNCE = 40
    RENDERING_FAILURE = 50
    REJECTED = 60
    HARD_BOUNCE = 70
    COMPLAINT = 80


ENGAGEMENT = frozenset({Kind.OPEN, Kind.CLICK})

_SIMPLE = {
    Kind.SEND: Outcome.SENT,
    Kind.DELAY: Outcome.DELAYED,
    Kind.DELIVERY: Outcome.DELIVERED,
    Kind.REJECT: Outcome.REJECTED,
    Kind.BOUNCE: Outcome.HARD_BOUNCE,
    Kind.SOFT_BOUNCE: Outcome.SOFT_BOUNCE,
    Kind.RENDERING_FAILURE: Outcome.RENDERING_FAILURE,
    # An open or click proves that the mail arrived, whatever else is still on its way.
    Kind.OPEN: Outcome.DELIVERED,
    Kind.CLICK: Outcome.DELIVERED,
}


# Bounces off the account's own list never reach a mailbox provider.
_OWN_LISTS = frozenset({"OnAccountSuppressionList", "OnTenantSuppressionList"})


_NOBODY = re.compile(r"\b5\.1\.(?:1|2|10)\b")


def bounce_kind(bounce_type: str) -> Kind:
    """Tell a permanent bounce from one that may pass; unknown types are of the second sort."""
    return Kind.BOUNCE if bounce_type == "Permanent" else Kind.SOFT_BOUNCE


def bounce_detail(detail: str, diagnostic: str) -> str:
    """Return the bounce subtype; SES says `General` also where the server's code says that nobody lives there.

    Enhanced status codes 5.1.1, 5.1.2, 5.1.10 (RFC 3463, RFC 7505): no such mailbox, domain, or no mail at all.
    """
    return "NoEmail" if detail in {"", "General"} and _NOBODY.search(diagnostic) else detail


def outcome_of(kind: Kind, subtype: str, detail: str) -> Outcome:
    """Return what an event says of the mail's end.

    `subtype` and `detail` are bounceType and bounceSubType, or complaintFeedbackType and complaintSubType.
    """
    if kind is Kind.COMPLAINT:
        if (
            detail in _OWN_LISTS
        ):  # SES never tried: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
            return Outcome.HARD_BOUNCE
        return Outcome.DELIVERED if subtype == "not-spam" else Outcome.COMPLAINT
    return _SIMPLE.get(kind, Outcome.NONE)


def suppression_reason(kind: Kind, subtype: str) -> str:
    """Return 'bounce' or 'complaint' where the address must not be mailed again, else ''.

    `not-spam` says the opposite of a complaint. Every permanent bounce counts, the account's own list included.
    """
    if kind is Kind.BOUNCE:
        return "bounce"
    if kind is Kind.COMPLAINT and subtype != "not-spam":
        return "complaint"
    return ""


def counts_for_reputation(detail: str) -> bool:
    """Tell whether a bounce or complaint with this subtype came from a mailbox provider at all."""
    return detail not in _OWN_LISTS
