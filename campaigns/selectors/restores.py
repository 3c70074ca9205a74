"""Whether the database was restored from a backup, and who may have got mail that it does not know of."""

import datetime as dt
from typing import Final

from django.db import connection
from django.db.models import Q

from ..models import PauseReason, Restore, Run, RunState

LOCKED: Final = (
    "Sending is locked, because the database was restored from a backup. An administrator unlocks it."
)

# The first condition is the partial index's own.
_IN_DOUBT: Final = """
SELECT run_id, count(*) FROM campaigns_delivery
WHERE run_id = ANY(%s::bigint[]) AND (state = 'unresolved' OR reason = 'not_confirmed') AND state = 'unresolved'
    AND reason = 'restored'
GROUP BY run_id
"""
MOST: Final = 50


def latest() -> Restore | None:
    """The newest restore; None where there never was one."""
    return Restore.objects.select_related("unlocked_by").first()


def is_locked() -> bool:
    """Whether nothing may be sent to readers now."""
    return Restore.objects.filter(unlocked_at=None).exists()


def covers(moment: dt.datetime) -> bool:
    """Whether the database cannot know what was sent at this time: it lies between a backup and its unlocking."""
    known = Q(unlocked_at=None) | Q(unlocked_at__gte=moment)
    return Restore.objects.filter(known, taken_at__lte=moment).exists()


def in_doubt(run_id: int) -> int:
    """How many people of the run may have been mailed after the backup, with nothing settled or decided yet."""
    return _in_doubt([run_id]).get(run_id, 0)


def waiting_runs() -> list[tuple[Run, int]]:
    """The runs that a restore paused, newest first, and how many people of each are in doubt; at most `MOST`."""
    found = Run.objects.filter(state=RunState.PAUSED, paused_by=PauseReason.RESTORED)
    runs = list(found.select_related("campaign").order_by("-pk")[:MOST])
    people = _in_doubt([run.pk for run in runs])
    return [(run, people.get(run.pk, 0)) for run in runs]


def _in_doubt(run_ids: list[int]) -> dict[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_IN_DOUBT, [run_ids])
        return dict(cursor.fetchall())
