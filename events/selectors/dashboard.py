"""How am I doing? The figures of the first page, from counters and small tables only."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection

from campaigns.models import Run
from campaigns.selectors import daily
from campaigns.sending import smtp
from mailplatform.accounts.models import Installation
from mailplatform.core import clock

DAYS: Final = 30

_BY_DAY = """
    SELECT day, sum(sent)::bigint, sum(delivered)::bigint, sum(bounced)::bigint, sum(complained)::bigint,
           sum(joined)::bigint
    FROM (
        SELECT (hour AT TIME ZONE 'UTC')::date AS day,
               coalesce(sum(events) FILTER (WHERE type = 'send'), 0) AS sent,
               coalesce(sum(events) FILTER (WHERE type = 'delivery'), 0) AS delivered,
               coalesce(sum(events) FILTER (WHERE type IN ('bounce', 'soft_bounce')), 0) AS bounced,
               coalesce(sum(people) FILTER (WHERE type = 'complaint'), 0) AS complained, 0 AS joined
        FROM events_counter WHERE hour >= %(since)s AND run_id > 0 GROUP BY 1
        UNION ALL
        SELECT (created_at AT TIME ZONE 'UTC')::date, 0, 0, 0, 0, count(*) FROM subscribers_subscriber
        WHERE created_at >= %(since)s GROUP BY 1
    ) parts GROUP BY 1
"""
# People who left by any way; what left since Amazon's own figure was read (a call row per up to fifty people, so few
# rows); how many people there are, by the planner's estimate where counting them would take long; and two steps of
# the checklist.
_OTHERS = f"""
    SELECT (SELECT count(DISTINCT subject) FROM subscribers_consentrecord
            WHERE recorded_at >= %s AND purpose = 'marketing_email' AND act IN ('withdrawn', 'objected')),
           (SELECT coalesce(sum({daily.TAKEN}), 0)::bigint FROM campaigns_call
            WHERE started_at >= %s AND state <> 'in_flight'),
           (SELECT CASE WHEN reltuples > %s THEN reltuples::bigint
                        ELSE (SELECT count(*) FROM subscribers_subscriber) END
            FROM pg_class WHERE oid = 'subscribers_subscriber'::regclass),
           EXISTS (SELECT FROM campaigns_template),
           EXISTS (SELECT FROM campaigns_call WHERE kind = 'test')
"""  # noqa: S608 - put together with daily.TAKEN; every value is a parameter
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
    """Return the figures of the first page in three queries; days are those of UTC."""
    since = clock.now() - timedelta(days=DAYS)
    with connection.cursor() as cursor:
        cursor.execute(_OTHERS, (since, installation.quota_read_at or since, EXACT_BELOW))
        left, sent_since, people, has_template, was_tested = cursor.fetchone() or (0, 0, 0, False, False)
        cursor.execute(_BY_DAY, {"since": since})
        days = cursor.fetchall()
    sent, delivered, bounced, complained, joined = (
        sum(row[number] for row in days) for number in range(1, 6)
    )
    last_run = Run.objects.select_related("campaign", "template_version").order_by("-launched_at").first()
    return Dashboard(
        last_run=last_run,
        month=Month(sent, delivered, bounced, complained, left, joined),
        sent_by_day=_every_day(since, {row[0]: row[1] for row in days}),
        joined_by_day=_every_day(since, {row[0]: row[5] for row in days}),
        people=people,
        installation=installation,
        sent_since_reading=sent_since,
        steps=_steps(installation, people, has_template=has_template, was_tested=was_tested),
    )


def _every_day(since: datetime, found: dict[date, int]) -> list[tuple[date, int]]:
    days = [since.date() + timedelta(days=number) for number in range(DAYS + 1)]
    return [(day, int(found.get(day, 0))) for day in days]


def _steps(installation: Installation, people: int, *, has_template: bool, was_tested: bool) -> list[Step]:
    return [
        _first_step(installation),
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


def _first_step(installation: Installation) -> Step:
    if smtp.server() is not None:
        text = (
            "It sends in the place of Amazon SES. Whether your domain vouches for it is under Deliverability."
        )
        return Step("Name an SMTP server", text, "events:deliverability", is_done=True)
    return Step(
        "Verify your domain",
        "So that Amazon SES sends in your name and mailboxes believe it.",
        "accounts:settings",
        bool(installation.verified_identities),
    )
