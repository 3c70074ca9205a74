"""What happened between us and one person, newest first."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from campaigns.selectors import recipients
from events.machines import EXPLANATIONS
from subscribers.models import Subscriber

from .words import bounce_words

PAGE: Final = 40

_SQL = """
    WITH happened AS (
        (SELECT e.occurred_at AS at, e.type AS kind, e.run_id, e.link_id, e.machine_reason,
                coalesce(nullif(e.detail->>'detail', ''), nullif(e.detail->>'subtype', ''),
                         e.detail->>'diagnostic', '') AS reason
         FROM events_event e WHERE e.subscriber_id = %(person)s AND e.occurred_at < %(before)s
         ORDER BY e.occurred_at DESC LIMIT %(limit)s)
        UNION ALL
        (SELECT d.at, 'mail_' || d.state, d.run_id, NULL, '', d.reason
         FROM campaigns_run r CROSS JOIN LATERAL (
            -- By run and person, run for run: an index by person alone would be paid for with every mail.
            SELECT * FROM campaigns_delivery x WHERE x.run_id = r.id AND x.subscriber_id = %(person)s OFFSET 0
         ) d WHERE d.at < %(before)s
         ORDER BY d.at DESC LIMIT %(limit)s)
    )
    SELECT h.at, h.kind, c.name, c.public_id, coalesce(l.url, ''), h.machine_reason, h.reason
    FROM happened h LEFT JOIN campaigns_run r ON r.id = h.run_id LEFT JOIN campaigns_campaign c ON c.id = r.campaign_id
    LEFT JOIN events_link l ON l.id = h.link_id ORDER BY h.at DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Look:
    """How a kind of entry is shown."""

    words: str
    icon: str
    colour: str = "blue"


LOOKS: Final = {
    "mail_accepted": Look("Mail handed to Amazon SES", icon="send"),
    "mail_failed": Look("Amazon SES refused the mail", icon="alert-triangle", colour="red"),
    "mail_skipped": Look("Left out of a campaign", icon="user-off", colour="amber"),
    "mail_unresolved": Look("Mail under way, answer lost", icon="help-circle", colour="amber"),
    "send": Look("Amazon SES took the mail", icon="mail"),
    "delivery": Look("Delivered", icon="check", colour="green"),
    "delivery_delay": Look("Delayed by the mailbox provider", icon="clock", colour="amber"),
    "bounce": Look("Bounced for good", icon="mail-off", colour="red"),
    "soft_bounce": Look("Bounced, may pass", icon="mail-off", colour="amber"),
    "complaint": Look("Complained", icon="flag", colour="red"),
    "reject": Look("Rejected by Amazon SES", icon="alert-triangle", colour="red"),
    "rendering_failure": Look("The mail could not be rendered", icon="alert-triangle", colour="red"),
    "open": Look("Opened", icon="eye", colour="green"),
    "click": Look("Followed a link", icon="click", colour="green"),
    "unsubscribe": Look("Unsubscribed", icon="logout", colour="amber"),
    "subscription": Look("Changed a subscription at Amazon", icon="settings"),
    "unknown": Look("Something new", icon="help-circle"),
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the timeline."""

    at: datetime
    kind: str
    campaign: str
    campaign_id: UUID | None
    link: str
    machine_reason: str
    reason: str

    @property
    def look(self) -> Look:
        """Words, icon and colour; machines are grey."""
        look = LOOKS.get(self.kind, Look(self.kind, icon="help-circle"))
        return replace(look, colour="grey") if self.machine_reason else look

    @property
    def note(self) -> str:
        """Why, in plain words."""
        if self.machine_reason:
            return f"By a machine: {EXPLANATIONS.get(self.machine_reason, self.machine_reason)}"
        if self.kind.startswith("mail_"):
            return recipients.reason_label(self.reason) if self.reason else ""
        return bounce_words(self.reason) if self.reason else ""


def timeline(person: Subscriber, *, before: datetime) -> list[Entry]:
    """Return up to `PAGE` + 1 entries older than `before`, newest first (one query)."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"person": person.pk, "before": before, "limit": PAGE + 1})
        return [Entry(*row) for row in cursor.fetchall()]
