"""Their own hour came and went while nothing could be sent: then the run asks, as a missed start does.

It concerns those who get a campaign at their own local time. A batch is late by what has passed since its hour, since
the launch, since somebody resumed the run and since a worker last could send for it, whichever is the latest. So a run
that is slow by its rate, the quota or its neighbours is never late; one that waited for a worker, for Redis or for the
way to Amazon is. The limit is that of a late start, and Postgres's clock counts.
"""

import datetime as dt
import threading
from typing import Final

from django.db import connection

from mailplatform.core import clock

from ..models import PauseReason
from ..selectors import sending_settings
from . import record, states

EVERY: Final = dt.timedelta(minutes=1)
_LATE: Final = """
FROM campaigns_batch b WHERE b.run_id = r.id AND b.state <> 'done' AND NOT b.resend AND b.local_at IS NOT NULL
    AND greatest(b.local_at, r.launched_at, r.attended_at) < clock_timestamp() - make_interval(mins => %(limit)s)
"""
_COUNT: Final = f"""
SELECT late.people, late.seconds FROM campaigns_run r CROSS JOIN LATERAL (
    SELECT sum(b.count - b.cursor) AS people,
        extract(epoch FROM clock_timestamp() - min(greatest(b.local_at, r.launched_at)))::float AS seconds {_LATE}) late
WHERE r.id = %(run)s AND r.state = 'sending' AND late.people > 0
"""  # noqa: S608 - made of our own fragments; every value is a parameter
# Whoever slept in the middle of a step does not count as having been at work.
_ATTEND: Final = f"""
UPDATE campaigns_run r SET attended_at = clock_timestamp()
WHERE r.id = %(run)s AND r.state = 'sending' AND NOT EXISTS (SELECT {_LATE})
"""  # noqa: S608 - made of our own fragments; every value is a parameter


def ask_if_late(run_id: int) -> bool:
    """Pause the run, and say of how many people the hour is past and how long; False when it is not late."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, _params(run_id))
        found = cursor.fetchone()
    if found is None:
        return False
    people, hours = found[0], f"up to {_duration(found[1])} ago"
    whose = "1 person" if people == 1 else f"{people:,} people"
    reason = (
        f"{whose} should have got it at their own local time, {hours}, but nothing could be sent meanwhile."
    )
    return states.pause(run_id, by=PauseReason.LATE, reason=reason)


def attend(run_id: int) -> None:
    """Note that a worker could send for the run just now."""
    with connection.cursor() as cursor:
        cursor.execute(_ATTEND, _params(run_id))


class Watch:
    """What one drain, with all its lanes, looks at once a minute. Nothing, where everybody gets it at once."""

    def __init__(self, run_id: int, *, is_local: bool) -> None:
        """`is_local`: each person gets it at their own local time."""
        self._run_id, self._is_local = run_id, is_local
        self._lock = threading.Lock()
        self._last: dict[str, dt.datetime] = {}

    def is_late(self) -> bool:
        """Whether the run is late; then it is paused. Asked before every step, so that who slept long asks first."""
        with self._lock:
            return self._is_time("look") and ask_if_late(self._run_id)

    def note(self, tally: record.Tally) -> None:
        """Take notice of a step; one by which nobody was reached says nothing."""
        got_through = tally.accepted or tally.failed or tally.unresolved or tally.throttled
        with self._lock:
            if (got_through or not tally.retried) and self._is_time("attend"):
                attend(self._run_id)

    def _is_time(self, what: str) -> bool:
        if not self._is_local:
            return False
        now, last = clock.now(), self._last.get(what)
        if last is not None and abs(now - last) < EVERY:
            return False
        self._last[what] = now
        return True


def _params(run_id: int) -> dict[str, int]:
    return {"run": run_id, "limit": sending_settings.get().late_start_minutes}


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} minutes" if minutes < 120 else f"{round(minutes / 60)} hours"
