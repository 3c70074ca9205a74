"""The people of a run of whom nobody knows whether Amazon SES took their mail, and when one may decide about them."""

import datetime as dt
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection

from mailplatform.accounts.models import User
from mailplatform.core import clock

from ..models import Campaign, Decision, Run
from ..sending import timing

PAGE: Final = 50

# The first condition is the partial index's own, so that a run of a million is not read. A decision opens when every
# call that carried the person, and of which no answer is known, is older than its lease and the fence, by this
# machine's clock and by Postgres's: a clock that runs fast opens nothing. Deliveries and calls are put together by
# sorting, not joined: of a run that just grew the planner expects one person, and would look at all for each of them.
_DOUBTFUL: Final = """
WITH judged AS (
    SELECT subscriber_id, max(reason) AS reason, max(at) AS at,
        coalesce(max(lease_until), max(at)) + %(fence)s::interval AS opens_at, count(lease_until) AS calls
    FROM (
        SELECT d.subscriber_id, d.reason, d.at, NULL::timestamptz AS lease_until FROM campaigns_delivery d
        WHERE d.run_id = %(run)s AND (d.state = 'unresolved' OR d.reason = 'not_confirmed') AND d.state = 'unresolved'
            AND (%(chosen)s::bigint[] IS NULL OR d.subscriber_id = ANY(%(chosen)s::bigint[]))
        UNION ALL
        SELECT person.id, NULL, NULL, c.lease_until
        FROM campaigns_call c CROSS JOIN LATERAL unnest(c.subscriber_ids) person(id)
        WHERE c.run_id = %(run)s AND c.state IN ('in_flight', 'lost')
    ) known GROUP BY 1 HAVING max(reason) IS NOT NULL
)
"""
_SUMMARY: Final = f"""{_DOUBTFUL}
SELECT count(*), count(*) FILTER (WHERE reason = 'resend'),
    count(*) FILTER (WHERE reason <> 'resend' AND opens_at <= least(clock_timestamp(), %(now)s)),
    min(opens_at) FILTER (WHERE reason <> 'resend' AND opens_at > least(clock_timestamp(), %(now)s)),
    max(opens_at) FILTER (WHERE reason <> 'resend' AND opens_at > least(clock_timestamp(), %(now)s)),
    min(at)
FROM judged
"""  # noqa: S608 - put together with _DOUBTFUL above; every value is a parameter
_DECIDABLE: Final = f"""{_DOUBTFUL}
SELECT subscriber_id FROM judged WHERE reason <> 'resend' AND opens_at <= least(clock_timestamp(), %(now)s)
"""  # noqa: S608 - put together with _DOUBTFUL above; every value is a parameter
_PAGE: Final = f"""{_DOUBTFUL}
SELECT j.subscriber_id, s.public_id, coalesce(s.email, ''), coalesce(s.name, ''), j.reason, j.at, j.opens_at,
    j.calls::int, j.reason <> 'resend' AND j.opens_at <= least(clock_timestamp(), %(now)s)
FROM judged j LEFT JOIN subscribers_subscriber s ON s.id = j.subscriber_id
WHERE j.subscriber_id > %(after)s ORDER BY j.subscriber_id LIMIT %(limit)s
"""  # noqa: S608 - put together with _DOUBTFUL above; every value is a parameter
_CALLS: Final = """
SELECT configuration_set, count(*), min(started_at), max(lease_until), sum(cardinality(subscriber_ids))
FROM campaigns_call WHERE run_id = %s AND state = 'lost' GROUP BY 1 ORDER BY 1
"""
# By the partial index, run by run.
_OTHER_RUNS: Final = """
SELECT r.number, d.people FROM (
    SELECT run_id, count(*) AS people FROM campaigns_delivery
    WHERE run_id = ANY(ARRAY(SELECT id FROM campaigns_run WHERE campaign_id = %s AND id <> %s))
        AND (state = 'unresolved' OR reason = 'not_confirmed') AND state = 'unresolved'
    GROUP BY run_id
) d JOIN campaigns_run r ON r.id = d.run_id ORDER BY 1 DESC
"""


@dataclass(frozen=True, slots=True)
class Summary:
    """How many are unresolved; of these how many already wait to be sent again, and how many can be decided now.

    The rest becomes decidable between `next_opens_at` and `last_opens_at`.
    """

    total: int
    resending: int
    decidable: int
    next_opens_at: dt.datetime | None
    last_opens_at: dt.datetime | None
    oldest: dt.datetime | None

    @property
    def later(self) -> int:
        """How many cannot be decided yet."""
        return self.total - self.resending - self.decidable


@dataclass(frozen=True, slots=True)
class Person:
    """One unresolved person; without address and public id erased since."""

    subscriber_id: int
    public_id: UUID | None
    email: str
    name: str
    reason: str
    at: dt.datetime
    opens_at: dt.datetime
    lost_calls: int
    is_decidable: bool


@dataclass(frozen=True, slots=True)
class LostCalls:
    """The calls of a run without an answer, by configuration set."""

    configuration_set: str
    calls: int
    first_at: dt.datetime
    last_lease: dt.datetime
    people: int


def _parameters(run_id: int, chosen: list[int] | None = None) -> dict[str, Any]:
    return {"run": run_id, "chosen": chosen, "fence": timing.DECISION_FENCE, "now": clock.now()}


def summary(run_id: int) -> Summary:
    """Numbers for the page and for the confirmation."""
    with connection.cursor() as cursor:
        cursor.execute(_SUMMARY, _parameters(run_id))
        return Summary(*cursor.fetchone())


def decidable(run_id: int, chosen: list[int] | None = None) -> list[int]:
    """About whom of the run, or of those chosen, one may decide now: their ids."""
    with connection.cursor() as cursor:
        cursor.execute(_DECIDABLE, _parameters(run_id, chosen))
        return [id_ for (id_,) in cursor.fetchall()]


def page(run_id: int, *, after: int = 0) -> tuple[list[Person], int]:
    """Up to `PAGE` people in order of their id, and the id after which the next page begins (0: none)."""
    with connection.cursor() as cursor:
        cursor.execute(_PAGE, _parameters(run_id) | {"after": after, "limit": PAGE + 1})
        rows = [Person(*row) for row in cursor.fetchall()]
    return rows[:PAGE], rows[PAGE - 1].subscriber_id if len(rows) > PAGE else 0


def lost_calls(run_id: int) -> list[LostCalls]:
    """The calls whose answer never came."""
    with connection.cursor() as cursor:
        cursor.execute(_CALLS, [run_id])
        return [LostCalls(*row) for row in cursor.fetchall()]


def decisions(run_id: int) -> list[tuple[Decision, str]]:
    """What was decided about people of the run, newest first, and by whom; '' where the platform did on proof."""
    made = list(Decision.objects.filter(run_id=run_id))
    users = User.objects.in_bulk({each.decided_by for each in made if each.decided_by})
    return [(each, str(users.get(each.decided_by or 0, ""))) for each in made]


def other_runs(run: Run) -> list[tuple[int, int]]:
    """The other runs of a campaign with unresolved people, newest first: number and people."""
    with connection.cursor() as cursor:
        cursor.execute(_OTHER_RUNS, [run.campaign_id, run.pk])
        return list(cursor.fetchall())


def run_in_doubt(campaign: Campaign) -> Run | None:
    """The newest run of a campaign with unresolved people, or else its newest run."""
    runs = list(campaign.runs.order_by("-number"))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT run_id FROM campaigns_delivery WHERE run_id = ANY(%s::bigint[])"
            " AND (state = 'unresolved' OR reason = 'not_confirmed') AND state = 'unresolved'",
            [[run.pk for run in runs]],
        )
        doubtful = {row[0] for row in cursor.fetchall()}
    return next((run for run in runs if run.pk in doubtful), runs[0] if runs else None)
