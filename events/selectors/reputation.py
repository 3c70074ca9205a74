"""Bounces and complaints per day, campaign and mailbox provider: from counters and digests, never from events.

A mail counts once, on the day of its event. What bounced off the account's own list never reached a provider; only the
digests tell it apart, so the providers' figures are without it.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from events.mailbox_rules import Figures
from mailplatform.core import clock

DAYS: Final = (30, 90)
MOST: Final = 50
_COUNTED: Final = """
    coalesce(sum(k.events) FILTER (WHERE k.type = 'send'), 0)::bigint,
    coalesce(sum(k.people) FILTER (WHERE k.type = 'delivery'), 0)::bigint,
    coalesce(sum(k.people) FILTER (WHERE k.type = 'bounce'), 0)::bigint,
    coalesce(sum(k.people) FILTER (WHERE k.type = 'soft_bounce'), 0)::bigint,
    coalesce(sum(k.people) FILTER (WHERE k.type = 'complaint'), 0)::bigint
"""
_TYPES: Final = "k.type IN ('send', 'delivery', 'bounce', 'soft_bounce', 'complaint') AND k.link_id = 0"
_BY_DAY: Final = f"""
    SELECT (k.hour AT TIME ZONE 'UTC')::date, {_COUNTED} FROM events_counter k
    WHERE k.hour >= %s AND k.run_id > 0 AND {_TYPES} GROUP BY 1
"""  # noqa: S608 (put together from the constants above; the time is a parameter)
_BY_CAMPAIGN: Final = f"""
    SELECT c.public_id, c.name, max(r.launched_at), {_COUNTED}
    FROM campaigns_run r JOIN campaigns_campaign c ON c.id = r.campaign_id JOIN events_counter k ON k.run_id = r.id
    WHERE r.launched_at >= %s AND {_TYPES} GROUP BY 1, 2 ORDER BY 3 DESC LIMIT {MOST}
"""  # noqa: S608 (put together from the constants above; the time is a parameter)
# A day's mails are those of the runs that were launched on it.
_BY_PROVIDER: Final = """
    SELECT name, sum(accepted)::bigint, sum(delivered)::bigint, sum(bounced)::bigint, sum(complained)::bigint,
           max(accepted)::bigint, min(at)
    FROM (
        SELECT part->>'name' AS name, (r.launched_at AT TIME ZONE 'UTC')::date AS day, min(d.at) AS at,
               sum((part->>'accepted')::bigint) AS accepted, sum((part->>'delivered')::bigint) AS delivered,
               sum((part->>'bounced')::bigint + (part->>'soft_bounced')::bigint
                   - (part->>'own_list')::bigint) AS bounced,
               sum((part->>'complained')::bigint) AS complained
        FROM campaigns_run r JOIN events_digest d ON d.run_id = r.id
        CROSS JOIN LATERAL jsonb_array_elements(d.figures->'providers') AS part
        WHERE r.launched_at >= %s GROUP BY 1, 2
    ) AS days GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Counted:
    """Mails of one day or campaign; `hard` and `soft` are bounces. Zero everywhere where nothing was sent."""

    sent: int = 0
    delivered: int = 0
    hard: int = 0
    soft: int = 0
    complained: int = 0

    @property
    def bounced(self) -> int:
        return self.hard + self.soft


@dataclass(frozen=True, slots=True)
class OfCampaign:
    """A campaign, its runs of the time together."""

    public_id: UUID
    name: str
    launched_at: datetime
    counted: Counted


@dataclass(frozen=True, slots=True)
class OfProvider:
    """A mailbox provider; `at` is when the oldest of its figures was counted."""

    name: str
    figures: Figures
    at: datetime


def since(days: int) -> datetime:
    """Return the first moment of the time: midnight in UTC, so many days ago."""
    return clock.now().replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=days - 1)


def by_day(days: int) -> list[tuple[date, Counted]]:
    """Return every day of the time, today last (one query)."""
    first = since(days)
    with connection.cursor() as cursor:
        cursor.execute(_BY_DAY, [first])
        found = {row[0]: Counted(*row[1:]) for row in cursor.fetchall()}
    every = (first.date() + timedelta(days=number) for number in range(days))
    return [(day, found.get(day, Counted())) for day in every]


def by_campaign(days: int) -> list[OfCampaign]:
    """Return the campaigns launched in the time, the latest first, at most fifty (one query)."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_CAMPAIGN, [since(days)])
        return [
            OfCampaign(public_id, name, launched_at, Counted(*numbers))
            for public_id, name, launched_at, *numbers in cursor.fetchall()
        ]


def by_provider(days: int, most: int = MOST) -> list[OfProvider]:
    """Return the providers by the number of mails, of the runs launched in the time (one query)."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_PROVIDER, [since(days), most])
        return [
            OfProvider(
                name or "Unknown",
                Figures(
                    delivered=delivered,
                    complained=complained,
                    bounced=bounced,
                    accepted=accepted,
                    busiest=busiest,
                ),
                at,
            )
            for name, accepted, delivered, bounced, complained, busiest, at in cursor.fetchall()
        ]
