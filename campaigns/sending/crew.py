"""The lanes of one drain: as many as the rate and the time that a block takes call for.

By Little's law so many recipients are on their way at once as rate times seconds from their tokens to their record; a
lane carries one block. Slow answers therefore get more lanes, quick ones fewer, and nobody sets a number.
"""

import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from django.db import connections

from . import clients, lane, limiter

MAX_LANES: Final = 8
# Calls in flight at once, over all lanes of a drain. Below the connections, so that none waits for one.
MAX_CALLS: Final = clients.MAX_CONNECTIONS * 3 // 4
# How long a block takes, before the first was measured.
GUESS_S: Final = 0.1
WEIGHT: Final = 0.2


@dataclass(slots=True)
class Member:
    """One lane at work. `rate` is its own limiter, which knows when its tokens were granted.

    `asks_first`: it looks whether there is something to claim before it takes tokens, which others could use.
    """

    number: int
    lane: lane.Lane
    rate: limiter.Limiter
    asks_first: bool = True
    idle_since: float | None = None
    people: int = 0


def lanes_for(rate: float, busy_s: float, drains: int = 1) -> int:
    """How many lanes each of `drains` drains needs at `rate` recipients/s, a block taking `busy_s` seconds."""
    block = limiter.block_size(rate)
    calls = math.ceil(block / limiter.call_size(rate))
    wanted = math.ceil(rate / max(1, drains) * busy_s / block)
    return max(1, min(wanted, MAX_LANES, MAX_CALLS // calls))


class Crew:
    """Runs lanes in threads: the first in the caller's, the others as they are wanted."""

    def __init__(
        self,
        recruit: Callable[[Executor], tuple[lane.Lane, limiter.Limiter]],
        work: Callable[[Member], bool],
        wanted: Callable[[float], int],
    ) -> None:
        """`work` does one round and says whether the lane goes on; `wanted` gives lanes for seconds per block."""
        self._recruit, self._work, self._wanted = recruit, work, wanted
        self._lock = threading.Lock()
        self._busy_s = GUESS_S
        self._threads: dict[int, threading.Thread] = {}
        self._crashed: list[Exception] = []
        self.stop = threading.Event()

    @property
    def others(self) -> int:
        """How many lanes are at work besides the first."""
        return sum(1 for thread in self._threads.values() if thread.is_alive())

    def run(self) -> None:
        """Work until the first lane's work is over, or `stop` is set. Raises what a lane raised."""
        with ThreadPoolExecutor(MAX_CALLS, thread_name_prefix="ses") as pool:
            try:
                self._run(0, pool)
            finally:
                self.stop.set()
                for thread in self._threads.values():
                    thread.join()
        if self._crashed:
            raise self._crashed[0]

    def _run(self, number: int, pool: Executor) -> None:
        member = Member(number, *self._recruit(pool))
        try:
            while not self.stop.is_set() and self._work(member):
                self._measure(member)
                wanted = self._wanted(self._busy_s)
                if number == 0:
                    self._grow(wanted, pool)
                elif number >= wanted:
                    break
        finally:
            member.lane.close()

    def _measure(self, member: Member) -> None:
        if not member.people or member.rate.granted_at is None:
            return
        took = time.monotonic() - member.rate.granted_at
        member.people, member.rate.granted_at = 0, None
        with self._lock:
            self._busy_s += WEIGHT * (took - self._busy_s)

    def _grow(self, wanted: int, pool: Executor) -> None:
        for number in range(1, wanted):
            thread = self._threads.get(number)
            if thread is None or not thread.is_alive():
                thread = threading.Thread(target=self._in_thread, args=(number, pool), name=f"lane-{number}")
                self._threads[number] = thread
                thread.start()

    def _in_thread(self, number: int, pool: Executor) -> None:
        try:
            self._run(number, pool)
        except Exception as error:  # noqa: BLE001 - raised again by the first lane's thread
            self._crashed.append(error)
            self.stop.set()
        finally:
            connections.close_all()
