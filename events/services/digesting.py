"""Keeping the digests of runs fresh, so that no page has to look at a million rows."""

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection

from campaigns.models import Run
from campaigns.selectors.runs import UNFINISHED
from events.models import Digest
from events.selectors import breakdown
from mailplatform.core import clock
from mailplatform.core.alone import alone

from . import following

JOB: Final = "digests"
# (up to so many people, at most so often)
EVERY: Final = (
    (100_000, timedelta(seconds=50)),
    (1_000_000, timedelta(minutes=4)),
    (2**63, timedelta(minutes=15)),
)
NEVER: Final = datetime(2000, 1, 1, tzinfo=UTC)
_MARK = """
    INSERT INTO events_digest (run_id, at, figures, is_stale)
    SELECT DISTINCT run_id, %(never)s::timestamptz, '{}'::jsonb, true FROM (
        SELECT run_id FROM events_event
        WHERE run_id IS NOT NULL AND received_at >= %(since)s AND received_at <= %(until)s
        UNION SELECT id FROM campaigns_run WHERE state = ANY(%(unfinished)s) OR finished_at >= %(since)s) AS runs
    ON CONFLICT (run_id) DO UPDATE SET is_stale = true
"""


def digest_runs() -> int:
    """Compute anew the digests of runs of which something was heard, large runs less often; return how many."""
    with following.window(JOB) as window, connection.cursor() as cursor:
        values: dict[str, Any] = {
            **window.parameters,
            "never": NEVER,
            "unfinished": [state.value for state in UNFINISHED],
        }
        cursor.execute(_MARK, values)
    stale = dict(Digest.objects.filter(is_stale=True).values_list("pk", "at"))
    done = 0
    for run in Run.objects.filter(pk__in=stale).order_by("pk"):
        if clock.now() - stale[run.pk] >= _interval(run):
            with alone(f"events_digest {run.pk}") as mine:
                if mine:
                    done += 1
                    digest(run)
    return done


def digest(run: Run) -> Digest:
    """Compute the digest of one run now."""
    at = clock.now()
    figures = breakdown.keep(breakdown.compute(run))
    values = {"at": at, "figures": figures, "is_stale": False}
    return Digest.objects.update_or_create(run_id=run.pk, defaults=values)[0]


def _interval(run: Run) -> timedelta:
    return next(wait for limit, wait in EVERY if (run.audience or 0) <= limit)
