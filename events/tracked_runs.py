"""What this process knows of the runs whose opens and clicks we count ourselves: where each of their links leads.

A redirect must not wait for the database, so a run's links are read once and kept for the runs that were asked for
lately. Runs are never deleted, and the links of one never change.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from campaigns.selectors import own_links
from campaigns.selectors.own_links import NoSuchLink, RunLinks

MOST: Final = 500
# What is not there now may be in a moment: its launch was not committed yet.
UNTRACKED_S: Final = 10.0


@dataclass(slots=True)
class _Known:
    links: RunLinks | None
    read_at: float


class TrackedRuns:
    """The runs asked for lately. For several threads."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._runs: OrderedDict[int, _Known] = OrderedDict()
        self._lock = threading.Lock()

    def known_place(self, run_id: int, key: str) -> bytes | None:
        """Return where a link leads that is the same for everybody, without the database; None where that must be read.

        Raises `NoSuchLink`.
        """
        run = self._known(run_id)
        if run is None:
            return None
        place = run.links.targets.get(key) if run.links is not None else None
        if place is None:
            raise NoSuchLink
        return place.encode("ascii") if place else None

    def place(self, run_id: int, key: str, subscriber_id: int) -> bytes:
        """Return where a link leads for one person (blocks). Raises `NoSuchLink`."""
        links = self.links(run_id)
        if links is None:
            raise NoSuchLink
        return own_links.resolve(links, key, subscriber_id).encode("ascii")

    def links(self, run_id: int) -> RunLinks | None:
        """Return a run's links, read now unless they are known (blocks); None where we do not count that run."""
        run = self._known(run_id)
        return run.links if run is not None else self._read(run_id)

    def _known(self, run_id: int) -> _Known | None:
        with self._lock:
            run = self._runs.get(run_id)
            if run is None:
                return None
            self._runs.move_to_end(run_id)
        is_old = run.links is None and self._now() - run.read_at >= UNTRACKED_S
        return None if is_old else run

    def _read(self, run_id: int) -> RunLinks | None:
        links = own_links.links_of(run_id)
        with self._lock:
            self._runs[run_id] = _Known(links, self._now())
            self._runs.move_to_end(run_id)
            if len(self._runs) > MOST:
                self._runs.popitem(last=False)
        return links
