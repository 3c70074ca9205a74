"""Following the events: jobs that come after the ingest and cost it nothing.

A job reads a window of the events by the time at which they were received, and notes how far it came. A transaction
that began earlier may commit later, so each window begins some minutes before the last one ended; what a job does
must therefore do no harm twice. A job that was down goes on where it stopped.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection

from events.models import Cursor
from mailplatform.core import clock

# An ingest's statements end after ten seconds each, and it has about a dozen.
OVERLAP: Final = timedelta(minutes=3)
FIRST: Final = timedelta(hours=1)

_ADVANCE: Final = """
    INSERT INTO events_cursor AS c (name, at) VALUES (%s, %s)
    ON CONFLICT (name) DO UPDATE SET at = greatest(c.at, EXCLUDED.at)
"""


@dataclass(frozen=True, slots=True)
class Window:
    """Events received from `since` to `until`, both included."""

    since: datetime
    until: datetime

    @property
    def parameters(self) -> dict[str, datetime]:
        """Return the window as parameters of a statement."""
        return {"since": self.since, "until": self.until}


@contextmanager
def window(name: str, *, lag: timedelta = timedelta(0), until: datetime | None = None) -> Iterator[Window]:
    """Give the next window of the job `name`, up to `lag` ago or `until`.

    It is done when the block ends without an error.
    """
    until = until or clock.now() - lag
    done = read_until(name)
    yield Window((done or until - FIRST) - OVERLAP, until)
    with connection.cursor() as cursor:
        cursor.execute(_ADVANCE, [name, until])


def read_until(name: str) -> datetime | None:
    """Return how far the job `name` came, or None before its first time."""
    return Cursor.objects.filter(pk=name).values_list("at", flat=True).first()
