"""Who failed in a run, and may be tried once more."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from django.db import connection

from ..models import Run, RunPurpose, RunState

# A person counted them as failed, and nobody knows whether Amazon SES took their mail.
DOUBTFUL: Final = "not_confirmed"
# Their row in an earlier run says now that the mail went out.
ACCEPTED_BEFORE: Final = "accepted_before"

_AUDIENCE: Final = "SELECT subscriber_id FROM campaigns_delivery WHERE run_id = %s AND state = 'failed'"
_COUNT: Final = """
SELECT count(*), count(*) FILTER (WHERE reason = %s) FROM campaigns_delivery WHERE run_id = %s AND state = 'failed'
"""


@dataclass(frozen=True, slots=True)
class Failed:
    """How many failed; `doubtful` of them may have the mail, and would get it a second time."""

    people: int
    doubtful: int


def audience_sql(run_id: int) -> tuple[str, list[int]]:
    """SQL and parameters that select `subscriber_id` of exactly those who failed in the run, each once."""
    return _AUDIENCE, [run_id]


def count(run_id: int) -> Failed:
    """How many failed in the run."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [DOUBTFUL, run_id])
        return Failed(*cursor.fetchone())


def doubtful_of(reasons: Iterable[tuple[str, str, int]]) -> int:
    """How many of those who failed may have the mail, from counts by state and reason that are known already."""
    return sum(people for _, reason, people in reasons if reason == DOUBTFUL)


def retry_of(run: Run) -> Run | None:
    """The run that tries those who failed in this one again, if there is one that did not fail itself."""
    return run.retries.filter(purpose=RunPurpose.FAILED).exclude(state=RunState.FAILED).first()


def earlier_runs(run: Run) -> list[int]:
    """The ids of the run whose failed people this one tries again, of the run that that one tried again, and so on."""
    found: list[int] = []
    source = run.source_run_id
    while source is not None:
        found.append(source)
        source = Run.objects.values_list("source_run", flat=True).get(pk=source)
    return found
