"""The group commit: posts that arrive while a transaction runs share the next one.

One thread with one connection writes; the event loop only waits. A post is answered after its transaction committed,
so nothing that was acknowledged can be lost.
"""

import asyncio
import functools
import time
from dataclasses import dataclass
from typing import Final

import structlog
from django.db import connection

from . import ingest
from .group_thread import MAX_GROUP, GroupThread, drop_broken
from .ingest import store

log = structlog.get_logger(__name__)
MAX_WAITING: Final = 20_000
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


class GroupWriter(GroupThread[_Post]):
    """Takes posts from the event loop and writes them. Without posts only the heartbeat is written."""

    name = "event-writer"
    stop_seconds = 12.0

    def __init__(self) -> None:
        super().__init__()
        self.refused = 0
        self._accepted = self._last_group = 0
        self._beat_at = 0.0

    async def write(self, inbound: ingest.Inbound) -> bool:
        """Wait until `inbound` is stored. False: it could not be stored now and SNS should send it again."""
        if self._items.qsize() >= MAX_WAITING:
            return False
        loop = asyncio.get_running_loop()
        done: asyncio.Future[bool] = loop.create_future()
        self._put(_Post(inbound, loop, done))
        return await done

    def _leave(self) -> None:
        if self._accepted or self.refused:
            self._beat()
        connection.close()

    def _rest(self) -> None:
        self._beat()

    def _take(self, group: list[_Post]) -> bool:
        self._last_group = len(group)
        is_stored = _write([post.inbound for post in group])
        _answer(group, is_stored=is_stored)
        self._accepted += len(group) if is_stored else 0
        if time.monotonic() - self._beat_at >= BEAT_SECONDS:
            self._beat()
        return True

    def _gather(self) -> None:
        """Wait while posts keep coming."""
        if self._last_group < BUSY_GROUP:
            return
        until, waiting, quiet = time.monotonic() + GATHER_SECONDS, self._items.qsize(), 0
        while quiet < QUIET_LOOKS and waiting < MAX_GROUP and time.monotonic() < until:
            time.sleep(LOOK_SECONDS)
            before, waiting = waiting, self._items.qsize()
            quiet = quiet + 1 if waiting == before else 0

    def _beat(self) -> None:
        """Note that we listen. Not in the transaction of a group: all writers would wait for this one row."""
        accepted, refused = self._accepted, self.refused
        try:
            drop_broken()
            with store.raw_cursor() as cursor:
                store.beat(cursor, accepted, refused)
            self._beat_at = time.monotonic()
            self._accepted -= accepted
            self.refused -= refused
        except Exception:
            # A missed beat is a gap in the proof that we listened, and no reason to stop listening.
            log.warning("heartbeat_failed", exc_info=True)
            connection.close()


def _write(group: list[ingest.Inbound]) -> bool:
    try:
        drop_broken()
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
