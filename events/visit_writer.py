"""The group commit of our own opens and clicks. Nobody waits for it: a redirect is answered at once.

One thread with one connection writes what came within a moment in one transaction. While the database is away visits
wait in memory, `MAX_WAITING` at most; what comes then is counted as dropped. A graceful stop writes what waits.
"""

from typing import Final

import structlog
from django.db import Error as AnyDatabaseError
from django.db import connection

from . import ingest
from .group_thread import GroupThread, drop_broken
from .ingest import store, visits
from .ingest.visits import Placed, Visit
from .tracked_runs import TrackedRuns

log = structlog.get_logger(__name__)
MAX_WAITING: Final = 20_000
GATHER_SECONDS: Final = 0.05  # most of what a transaction costs is the same for one visit and for sixty
RETRY_SECONDS: Final = 1.0


class VisitWriter(GroupThread[Visit]):
    """Takes visits from the event loop and writes them. A stop does not wait for a database that is away."""

    name = "visit-writer"
    stop_seconds = 8.0

    def __init__(self, runs: TrackedRuns) -> None:
        super().__init__()
        self._runs = runs
        self.dropped = self._told = 0
        self._held = 0  # what is being written just now

    def put(self, visit: Visit) -> None:
        """Note a visit; never waits."""
        if self._items.qsize() >= MAX_WAITING:
            self.dropped += 1
            return
        self._put(visit)

    def _gather(self) -> None:
        self._ending.wait(GATHER_SECONDS)

    def _take(self, group: list[Visit]) -> bool:
        """Store a group, however long the database is away; False where we were told to stop and could not."""
        self._held = len(group)
        while True:
            is_last = self._ending.is_set()
            if self._store(group):
                self._held = 0
                self._tell()
                return True
            if is_last:
                return False
            self._ending.wait(RETRY_SECONDS)

    def _give_up(self, items: int) -> None:
        log.error("visits_lost", visits=items)
        self._tell()

    def _abandon(self, items: int) -> None:
        log.error("visits_lost", visits=items + self._held, reason="the database does not answer")
        self._tell()

    def _store(self, group: list[Visit]) -> bool:
        """Store a group; False when the database is away."""
        try:
            drop_broken()
            with store.raw_cursor() as cursor:
                store.make_steady(cursor)
            visits.take_in(self._placed(group))
        except (ingest.DatabaseDown, AnyDatabaseError) as error:
            log.warning("visits_wait", visits=len(group) + self._items.qsize(), error=str(error))
            connection.close()
            return False
        except Exception:
            # A fault of ours must not hold up those behind it for ever.
            log.exception("visits_lost", visits=len(group))
            connection.close()
        return True

    def _placed(self, group: list[Visit]) -> list[Placed]:
        """Add what the runs know; visits of runs that we do not count are nobody's."""
        found = []
        for visit in group:
            links = self._runs.links(visit.run_id)
            if links is not None:
                found.append(Placed(visit, links.launched_at, links.shared.get(visit.key, "")))
        return found

    def _tell(self) -> None:
        """Say how many visits were dropped while too many waited."""
        if self.dropped != self._told:
            log.error("visits_dropped", visits=self.dropped - self._told)
            self._told = self.dropped
