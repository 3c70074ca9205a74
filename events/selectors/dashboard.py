"""How am I doing? The figures of the first page, from counters and small tables only."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection
from django.db.models import Count
from django.db.models.functions import TruncDate

from campaigns.models import Run
from mailplatform.accounts.models import Installation
from mailplatform.core import clock
from subscribers.models import Subscriber

DAYS: Final = 30

_BY_DAY = """
    SELECT (hour AT TIME ZONE 'UTC')::date,
           coalesce(sum(events) FILTER (WHERE type = 'send'), 0)::bigint,
           coalesce(sum(events) FILTER (WHERE type = 'delivery'), 0)::bigint,
           coalesce(sum(events) FILTER (WHERE type IN ('bounce', 'soft_bounce')), 0)::bigint,
           coalesce(sum(people) FILTER (WHERE type = 'complaint'), 0)::bigint
    FROM events_counter WHERE hour >= %s AND run_id > 0 GROUP BY 1 ORDER BY 1
"""
# People who left by any way; what left since Amazon's own figure was read (a call row per up to fifty people, so few
# rows); how many people there are, by the planner's estimate where
# counting them would take long; and two steps of the checklist.
_OTHERS = """
    SELECT (SELECT count(DISTINCT subject) FROM subscribers_consentrecord
            WHERE recorded_at >= %s AND purpose = 'marketing_email' AND act IN ('withdrawn', 'objected')),
           (SELECT coalesce(sum(greatest(cardinality(subscriber_ids), 1)), 0)::bigint FROM campaigns_call
            WHERE started_at >= %s AND state <> 'in_flight'),
           (SELECT CASE WHEN reltuples > %s THEN reltuples::bigint
                        ELSE (SELECT count(*) FROM subscribers_subscriber) END
            FROM pg_class WHERE oid = 'subscribers_subscriber'::regclass),
           EXISTS (SELECT FROM campaigns_template),
           EXISTS (SELECT FROM campaigns_call WHERE kind = 'test')
"""
EXACT_BELOW: Final = 200_000


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the checklist of a new installation."""

    title: str
    text: str
    url_name: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Month:
    """The last thirty days."""

    sent: int
    delivered: int
    bounced: int
    complained: int
    left: int
    joined: int

    @property
    def net_growth(self) -> int:
        return self.joined - self.left


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything that the first page shows."""

    last_run: Run | None
    month: Month
    sent_by_day: list[tuple[date, int]]
    joined_by_day: list[tuple[date, int]]
    people: int
    installation: Installation
    sent_since_reading: int
    steps: list[Step]

    @property
    def is_set_up(self) -> bool:
        return all(step.is_done for step in self.steps)

    @property
    def quota(self) -> int:
        return int(self.installation.max_24_hour_send)

    @property
    def quota_left(self) -> int:
        used = int(self.installation.sent_last_24_hours) + self.sent_since_reading
        return max(0, self.quota - used)


def dashboard(installation: Installation) -> Dashboard:
    """Return the figures of the first page in four queries."""
    since = clock.now() - timedelta(days=DAYS)
    joined = _joined_by_day(since)
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS, (since, installation.quota_read_at or since, EXACT_BELOW))
        left, sent_since, people, has_template, was_tested = cursor.fetchone() or (0, 0, 0, False, False)
        cursor.execute(_BY_DAY, (since,))
        days = cursor.fetchall()
    sent, delivered, bounced, complained = (sum(row[number] for row in days) for number in range(1, 5))
    last_run = Run.objects.select_related("campaign", "template_version").order_by("-launched_at").first()
    return Dashboard(
        last_run=last_run,
        month=Month(sent, delivered, bounced, complained, left, sum(joined.values())),
        sent_by_day=_every_day(since, {row[0]: row[1] for row in days}),
        joined_by_day=_every_day(since, joined),
        people=people,
        installation=installation,
        sent_since_reading=sent_since,
        steps=_steps(installation, people, has_template=has_template, was_tested=was_tested),
    )


def _joined_by_day(since: datetime) -> dict[date, int]:
    rows = Subscriber.objects.filter(created_at__gte=since).annotate(day=TruncDate("created_at")).order_by()
    return dict(rows.values("day").annotate(number=Count("pk")).values_list("day", "number"))


def _every_day(since: datetime, found: dict[date, int]) -> list[tuple[date, int]]:
    days = [since.date() + timedelta(days=number) for number in range(DAYS + 1)]
    return [(day, int(found.get(day, 0))) for day in days]


def _steps(installation: Installation, people: int, *, has_template: bool, was_tested: bool) -> list[Step]:
    return [
        Step(
            "Verify your domain",
            "So that Amazon SES sends in your name and mailboxes believe it.",
            "accounts:settings",
            bool(installation.verified_identities),
        ),
        Step("Import people", "With the consent they gave, and when.", "subscribers:import_list", people > 0),
        Step(
            "Make a template",
            "The look of your mail, with the unsubscribe link and your postal address.",
            "campaigns:template_list",
            has_template,
        ),
        Step(
            "Send yourself a test",
            "See it in your own mailbox before anybody else does.",
            "accounts:settings",
            was_tested,
        ),
    ]
