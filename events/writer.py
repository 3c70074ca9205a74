"""The group commit: posts that arrive while a transaction runs share the next one.

One thread with one connection writes; the event loop only waits. A post is answered after its transaction committed,
so nothing that was acknowledged can be lost.
"""

import asyncio
import functools
import queue
import threading
import time
from dataclasses import dataclass, field
from typing import Final

import structlog
from django.db import connection

from . import ingest
from .ingest import store

log = structlog.get_logger(__name__)
MAX_GROUP: Final = 500
MAX_WAITING: Final = 20_000
IDLE_SECONDS: Final = 8.0  # less than a slot of the heartbeat
BEAT_SECONDS: Final = 2.0  # under load
# Under load a group is gathered while posts keep coming, and no longer than this: most of what a transaction costs
# is the same for one event and for sixty.
GATHER_SECONDS: Final = 0.016
LOOK_SECONDS: Final = 0.002
QUIET_LOOKS: Final = 2  # in which nothing came
BUSY_GROUP: Final = 8


@dataclass(slots=True)
class _Post:
    inbound: ingest.Inbound
    loop: asyncio.AbstractEventLoop
    done: "asyncio.Future[bool]"


@dataclass
class GroupWriter:
    """Takes posts from the event loop and writes them in groups. Starts with the first post or `start()`."""

    _posts: "queue.SimpleQueue[_Post | None]" = field(default_factory=queue.SimpleQueue)
    _thread: threading.Thread | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    refused: int = 0
    _accepted: int = 0
    _beat_at: float = 0.0
    _last_group: int = 0

    def start(self) -> None:
        """Start the writing thread where none runs."""
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="event-writer", daemon=True)
                self._thread.start()

    def stop(self, timeout: float = 12.0) -> None:
        """Write what waits, then end the thread."""
        with self._lock:
            thread, self._thread = self._thread, None
        if thread is not None and thread.is_alive():
            self._posts.put(None)
            thread.join(timeout)

    async def write(self, inbound: ingest.Inbound) -> bool:
        """Wait until `inbound` is stored. False: it could not be stored now and SNS should send it again."""
        if self._posts.qsize() >= MAX_WAITING:
            return False
        if self._thread is None or not self._thread.is_alive():
            self.start()
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        self._posts.put(_Post(inbound, loop, done))
        return await done

    def _run(self) -> None:
        try:
            while self._round():
                pass
        finally:
            if self._accepted or self.refused:
                self._beat()
            connection.close()

    def _round(self) -> bool:
        """Wait for posts and write them; False when told to stop. Without posts only the heartbeat is written."""
        try:
            first = self._posts.get(timeout=IDLE_SECONDS)
        except queue.Empty:
            self._beat()
            return True
        if first is None:
            return False
        if self._last_group >= BUSY_GROUP:
            self._gather()
        group, go_on = [first], True
        while len(group) < MAX_GROUP and go_on:
            try:
                post = self._posts.get_nowait()
            except queue.Empty:
                break
            if post is None:
                go_on = False
            else:
                group.append(post)
        self._last_group = len(group)
        is_stored = _write([post.inbound for post in group])
        _answer(group, is_stored=is_stored)
        self._accepted += len(group) if is_stored else 0
        if time.monotonic() - self._beat_at >= BEAT_SECONDS:
            self._beat()
        return go_on

    def _gather(self) -> None:
        """Wait while posts keep coming."""
        until, waiting, quiet = time.monotonic() + GATHER_SECONDS, self._posts.qsize(), 0
        while quiet < QUIET_LOOKS and waiting < MAX_GROUP and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
            before, waiting = waiting, self._posts.qsize()
            quiet = quiet + 1 if waiting == before else 0

    def _beat(self) -> None:
        """Note that we listen. Not in the transaction of a group: all writers would wait for this one row."""
        accepted, refused = self._accepted, self.refused
        try:
            _drop_broken()
            with store.raw_cursor() as cursor:
                store.beat(cursor, accepted, refused)
            self._beat_at = time.monotonic()
            self._accepted -= accepted
            self.refused -= refused
        except Exception:
            # A missed beat is a gap in the proof that we listened, and no reason to stop listening.
            log.warning("heartbeat_failed", exc_info=True)
            connection.close()


def _drop_broken() -> None:
    """Start anew after an error; otherwise the writer keeps its connection, unlike a request."""
    if connection.connection is not None and connection.errors_occurred:
        connection.close()


def _write(group: list[ingest.Inbound]) -> bool:
    try:
        _drop_broken()
        with store.raw_cursor() as cursor:
            store.make_steady(cursor)
        ingest.take_in(group)
    except ingest.DatabaseDown as error:
        log.warning("events_not_stored", messages=len(group), error=str(error))
        connection.close()
        return False
    except Exception:
        log.exception("events_not_stored", messages=len(group))
        connection.close()
        return False
    return True


def _answer(group: list[_Post], *, is_stored: bool) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[bool]]] = {}
    for post in group:
        by_loop.setdefault(post.loop, []).append(post.done)
    for loop, futures in by_loop.items():
        try:
            loop.call_soon_threadsafe(functools.partial(_resolve, futures, is_stored=is_stored))
        except RuntimeError:  # the loop was closed meanwhile: nobody waits
            log.info("answer_not_wanted", messages=len(futures))


def _resolve(futures: "list[asyncio.Future[bool]]", *, is_stored: bool) -> None:
    for future in futures:
        if not future.done():
            future.set_result(is_stored)
