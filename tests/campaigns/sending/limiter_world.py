"""The limiter's own scripts in a real Redis, with a clock that the test moves."""

import heapq
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import redis

from campaigns.sending import limiter, limiter_scripts

START = 1_800_000_000.0


def at_test_clock(client: "redis.Redis[bytes]", key: str) -> limiter.Limiter:
    """A limiter whose scripts read the time from `key`."""
    made = limiter.Limiter(client)

    def script(text: str) -> Any:
        return client.register_script(
            text.replace("redis.call('TIME')", f"{{redis.call('GET', '{key}'), 0}}")
        )

    made._take = script(limiter_scripts.TAKE)
    made._give = script(limiter_scripts.GIVE)
    made._slow = script(limiter_scripts.SLOW)
    return made


@dataclass
class Worker:
    """Takes a block, is busy with it for `busy` seconds, asks again; from `starts` to `stops`."""

    claimant: limiter.Claimant
    busy: float = 0.04
    most: int = limiter.MAX_BLOCK
    cap: float | None = None
    starts: float = 0.0
    stops: float = float("inf")


@dataclass
class World:
    """Any number of workers on one account, as a simulation without a second of waiting."""

    client: "redis.Redis[bytes]"
    key: str
    rate: float
    jitter: float = 0.004
    now: float = START
    grants: list[tuple[float, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.clock_key = f"{self.key}:clock"
        self.limiter = at_test_clock(self.client, self.clock_key)
        self.random = random.Random(7)
        self.set(self.now)

    def set(self, now: float) -> None:
        """Set Redis's clock."""
        self.now = now
        self.client.set(self.clock_key, f"{now:.6f}")

    def bucket(self) -> limiter.Bucket:
        return limiter.Bucket(self.key, self.rate)

    def buckets(self, worker: Worker) -> list[limiter.Bucket]:
        own = f"{self.key}:cap:{worker.claimant.key}"
        return [self.bucket(), *([limiter.Bucket(own, worker.cap)] if worker.cap else [])]

    def run(self, workers: list[Worker], seconds: float) -> None:
        """Let the workers work for so long."""
        begin = self.now
        line = [(begin + worker.starts, number) for number, worker in enumerate(workers)]
        heapq.heapify(line)
        while line and line[0][0] <= begin + seconds:
            when, number = heapq.heappop(line)
            worker = workers[number]
            if when - begin > worker.stops:
                continue
            self.set(max(self.now, when))
            heapq.heappush(line, (self.now + self.ask(worker) + self.random.random() * self.jitter, number))
        self.set(begin + seconds)

    def ask(self, worker: Worker) -> float:
        """One question; returns after how many seconds the worker asks again."""
        buckets = self.buckets(worker)
        wanted = min(worker.most, *(bucket.block for bucket in buckets))
        count, wait = self.limiter.try_take(buckets, least=wanted, most=wanted, claimant=worker.claimant)
        if not count:
            return max(wait, 0.001)
        self.grants.append((self.now, worker.claimant.key, count))
        return worker.busy

    def shares(self, *, since: float = 0.0) -> Counter[str]:
        """Tokens by claimant, from `since` seconds after the start."""
        found: Counter[str] = Counter()
        for at, key, count in self.grants:
            if at - START >= since:
                found[key] += count
        return found

    def most_in_a_second(self) -> int:
        """The fullest window of one second."""
        most, first, held = 0, 0, 0
        for at, _, count in self.grants:
            held += count
            while self.grants[first][0] <= at - 1:
                held -= self.grants[first][2]
                first += 1
            most = max(most, held)
        return most
