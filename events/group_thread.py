"""One thread with one connection to the database that takes what comes from the event loop in groups.

The event loop in front of Django must never wait for the database. So each kind of work that needs it has a thread,
which opens a connection once, not once for each post, hit or link.
"""

import queue
import threading
from typing import ClassVar, Final, Generic, TypeVar

from django.db import connection

Item = TypeVar("Item")
MAX_GROUP: Final = 500
IDLE_SECONDS: Final = 8.0  # less than a slot of the heartbeat


class GroupThread(Generic[Item]):
    """Takes items in groups of at most `MAX_GROUP`. Starts with the first item or `start()`."""

    name: ClassVar[str]
    stop_seconds: ClassVar[float]

    def __init__(self) -> None:
        self._items: queue.SimpleQueue[Item | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._ending = threading.Event()

    def start(self) -> None:
        """Start the thread where none runs."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._ending.clear()
                self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Take what waits, then end the thread; `stop_seconds` at most."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and thread.is_alive():
            self._ending.set()
            self._items.put(None)
            thread.join(self.stop_seconds)
            if thread.is_alive():
                self._abandon(self._items.qsize() - 1)

    def _put(self, item: Item) -> None:
        if self._thread is None or not self._thread.is_alive():
            self.start()
        self._items.put(item)

    def _run(self) -> None:
        try:
            while self._round():
                pass
        finally:
            self._leave()

    def _round(self) -> bool:
        """Wait for items and take them; False when told to stop, or given up."""
        try:
            first = self._items.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            self._rest()
            return True
        if first is None:
            return False
        self._gather()
        group, go_on = [first], True
        while len(group) < MAX_GROUP and go_on:
            try:
                item = self._items.get_nowait()
            except queue.Empty:
                break
            if item is None:
                go_on = False
            else:
                group.append(item)
        if self._take(group):
            return go_on
        self._give_up(len(group) + (self._forget() if go_on else 0))
        return False

    def _forget(self) -> int:
        """Empty the queue up to the word to stop; return how many items were in it."""
        forgotten = 0
        while self._items.get() is not None:
            forgotten += 1
        return forgotten

    def _gather(self) -> None:
        """Wait for more to come. Without this a group is what came while the last one was taken."""

    def _take(self, group: list[Item]) -> bool:
        """Do the work; False where it could not be done and we are to stop."""
        raise NotImplementedError

    def _give_up(self, items: int) -> None:
        """Say that so many items were lost."""

    def _abandon(self, items: int) -> None:
        """Say that the thread did not end in time: what it holds and as many items behind it may be lost."""

    def _rest(self) -> None:
        """Nothing came for `IDLE_SECONDS`."""
        connection.close()

    def _leave(self) -> None:
        """Do the thread's last work."""
        connection.close()


def drop_broken() -> None:
    """Start anew after an error; otherwise the thread keeps its connection, unlike a request."""
    if connection.connection is not None and connection.errors_occurred:
        connection.close()
