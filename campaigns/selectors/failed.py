"""Who failed in a run, and may be tried once more."""

from typing import Final

from django.db import connection

from ..models import Run, RunPurpose, RunState

_AUDIENCE: Final = "SELECT subscriber_id FROM campaigns_delivery WHERE run_id = %s AND state = 'failed'"


def audience_sql(run_id: int) -> tuple[str, list[int]]:
    """SQL and parameters that select `subscriber_id` of exactly those who failed in the run, each once."""
    return _AUDIENCE, [run_id]


def count(run_id: int) -> int:
    """How many failed in the run."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM campaigns_delivery WHERE run_id = %s AND state = 'failed'", [run_id]
        )
        return int(cursor.fetchone()[0])


def retry_of(run: Run) -> Run | None:
    """The run that tries those who failed in this one again, if there is one that did not fail itself."""
    return run.retries.filter(purpose=RunPurpose.FAILED).exclude(state=RunState.FAILED).first()
