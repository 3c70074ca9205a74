"""The group commit of our own opens and clicks. Nobody waits for it: a redirect is answered at once.

One thread with one connection writes what came within a moment in one transaction. While the database is away visits
wait in memory, `MAX_WAITING` at most; what comes then is counted as dropped. A graceful stop writes what waits.
"""

import queue
import threading
from dataclasses import dataclass, field
from typing import Final

import structlog
from django.db import Error as AnyDatabaseError
from django.db import connection

from . import ingest
from .ingest import store, visits
from .ingest.visits import Placed, Visit
from .tracked_runs import TrackedRuns

log = structlog.get_logger(__name__)
MAX_GROUP: Final = 500
MAX_WAITING: Final = 20_000
GATHER_SECONDS: Final = 0.05  # most of what a transaction costs is the same for one visit and for sixty
RETRY_SECONDS: Final = 1.0
IDLE_SECONDS: Final = 8.0
STOP_SECONDS: Final = 8.0


@dataclass
class VisitWriter:
    """Takes visits from the event loop and writes them in groups. Starts with the first visit or `start()`."""

    runs: TrackedRuns
    _visits: "queue.SimpleQueue[Visit | None]" = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _ending: threading.Event = field(default_factory=threading.Event)
    dropped: int = 0
    _told: int = 0

    def start(self) -> None:
        """Start the writing thread where none runs."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._ending.clear()
                self._thread = threading.Thread(target=self._run, name="visit-writer", daemon=True)
                self._thread.start()

    def stop(self, timeout: float = STOP_SECONDS) -> None:
        """Write what waits, then end the thread. While the database is away nothing is waited for."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and thread.is_alive():
            self._ending.set()
            self._visits.put(None)
            thread.join(timeout)

    def put(self, visit: Visit) -> None:
        """Note a visit; never waits."""
        if self._visits.qsize() >= MAX_WAITING:
            self.dropped += 1
            return
        if self._thread is None or not self._thread.is_alive():
            self.start()
        self._visits.put(visit)

    def _run(self) -> None:
        try:
            while self._round():
                pass
        finally:
            connection.close()

    def _round(self) -> bool:
        """Wait for visits and write them; False when told to stop."""
        try:
            first = self._visits.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            connection.close()
            return True
        if first is None:
            return False
        self._ending.wait(GATHER_SECONDS)
        group, go_on = [first], True
        while len(group) < MAX_GROUP and go_on:
            try:
                visit = self._visits.get_nowait()
            except queue.Empty:
                break
            if visit is None:
                go_on = False
            else:
                group.append(visit)
        if self._keep_trying(group):
            return go_on
        log.error("visits_lost", visits=len(group) + (self._forget() if go_on else 0))
        return False

    def _keep_trying(self, group: list[Visit]) -> bool:
        """Store a group, however long the database is away; False where we were told to stop and could not."""
        while True:
            is_last = self._ending.is_set()
            if self._store(group):
                self._tell()
                return True
            if is_last:
                return False
            self._ending.wait(RETRY_SECONDS)

    def _forget(self) -> int:
        """Empty the queue up to the word to stop; return how many visits were in it."""
        forgotten = 0
        while self._visits.get() is not None:
            forgotten += 1
        return forgotten

    def _store(self, group: list[Visit]) -> bool:
        """Store a group; False when the database is away."""
        try:
            if connection.connection is not None and connection.errors_occurred:
                connection.close()
            with store.raw_cursor() as cursor:
                store.make_steady(cursor)
            visits.take_in(self._placed(group))
        except (ingest.DatabaseDown, AnyDatabaseError) as error:
            log.warning("visits_wait", visits=len(group) + self._visits.qsize(), error=str(error))
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
            links = self.runs.links(visit.run_id)
            if links is not None:
                found.append(Placed(visit, links.launched_at, links.shared.get(visit.key, "")))
        return found

    def _tell(self) -> None:
        """Say how many visits were dropped while too many waited."""
        if self.dropped != self._told:
            log.error("visits_dropped", visits=self.dropped - self._told)
            self._told = self.dropped
