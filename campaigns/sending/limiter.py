"""The one rate limit of the account: a token bucket in Redis, shared by all workers.

Unit: one token is one recipient. The bucket of an account and Region fills at the account's own `MaxSendRate`
(below 1/s fractionally), times a factor that halves when SES throttles and comes back slowly. A bucket that is
missing starts empty, so a restarted Redis never lets a burst out. Further buckets (a campaign's own cap) may be
taken from in the same step: the smallest decides.

Claimants of one priority share the rate evenly, however many workers each has; a lower priority gets what the
higher ones do not ask for.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import redis

from . import limiter_scripts

LAPSE_S: Final = 0.5
# So long tokens that lapsed on the way are waited for again; people were checked at most two seconds ago.
RETAKE_S: Final = 0.5
# How much of a second's rate is taken at once, and how much may accrue while nobody takes.
BLOCK_S: Final = 0.2
BURST_S: Final = 0.25
# Room above one block, so that a worker that comes late by half a block's time loses nothing.
SLACK: Final = 1.5
MAX_BLOCK: Final = 500
MAX_CALL: Final = 50
SLOWEST: Final = limiter_scripts.SLOWEST

SINGLE, SERVICE, MARKETING = 0, 1, 2


class LimiterUnavailableError(Exception):
    """Redis cannot be asked: sending waits, because nobody knows what other workers send."""


@dataclass(frozen=True, slots=True)
class Claimant:
    """Who asks for tokens. `priority` 0: single mails, 1: contract and service campaigns, 2: marketing."""

    key: str
    priority: int


ANYBODY: Final = Claimant("anybody", MARKETING)
SINGLE_MAILS: Final = Claimant("single", SINGLE)


def claimant_of_run(run_id: int, kind: str) -> Claimant:
    """The claimant of a run whose campaign is of this kind."""
    return Claimant(f"run:{run_id}", MARKETING if kind == "marketing" else SERVICE)


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit. `rate` in recipients per second; `left` is how many may be taken at all (quota, warm-up)."""

    key: str
    rate: float
    left: int | None = None

    @property
    def capacity(self) -> float:
        """The most that may accrue while nobody sends: the burst."""
        return capacity(self.rate)

    @property
    def block(self) -> int:
        """How many are taken at once."""
        size = block_size(self.rate)
        return size if self.left is None else max(1, min(size, self.left))


@dataclass(frozen=True, slots=True)
class Tokens:
    """Permission to send to `count` recipients now; it lapses after half a second."""

    count: int
    taken_at: float = field(default_factory=time.monotonic)

    @property
    def lapsed(self) -> bool:
        """Whether these may no longer be spent."""
        return time.monotonic() - self.taken_at > LAPSE_S


def account_key(account: str, region: str) -> str:
    """The Redis key of the account's bucket."""
    return f"mailplatform:rate:{account}:{region}"


def claims_key(bucket_key: str) -> str:
    """The Redis key of those who ask for tokens of the account's bucket."""
    return f"{bucket_key}:claims"


def run_key(run_id: int) -> str:
    """The Redis key of a run's own cap."""
    return f"mailplatform:rate:run:{run_id}"


def call_size(rate: float) -> int:
    """How many recipients one call may name at this rate. SES counts every one of them against the rate."""
    return max(1, min(MAX_CALL, math.floor(rate)))


def block_size(rate: float) -> int:
    """How many tokens are taken at once: a fifth of a second's worth, but always enough for one full call."""
    return max(call_size(rate), min(MAX_BLOCK, math.floor(rate * BLOCK_S)))


def capacity(rate: float) -> float:
    """The burst: the most that may leave at once after a pause. In recipients, with a fraction."""
    return max(rate * BURST_S, block_size(rate) * SLACK)


class Limiter:
    """Takes tokens for a sender. All methods raise LimiterUnavailableError when Redis does not answer."""

    def __init__(
        self,
        client: "redis.Redis[bytes]",
        *,
        sleep: Callable[[float], None] = time.sleep,
        claimant: Claimant = ANYBODY,
    ) -> None:
        """`sleep` waits the given number of seconds; `claimant` asks where none is named."""
        self._client = client
        self._sleep = sleep
        self._claimant = claimant
        self.granted_at: float | None = None
        self._take: Any = client.register_script(limiter_scripts.TAKE)
        self._give: Any = client.register_script(limiter_scripts.GIVE)
        self._slow: Any = client.register_script(limiter_scripts.SLOW)
        self._look: Any = client.register_script(limiter_scripts.LOOK)

    def for_claimant(self, claimant: Claimant, *, sleep: Callable[[float], None] | None = None) -> "Limiter":
        """The same limiter, asked in the name of `claimant`. Its `granted_at` is its own."""
        return type(self)(self._client, sleep=sleep or self._sleep, claimant=claimant)

    def try_take(
        self,
        buckets: Sequence[Bucket],
        *,
        least: int,
        most: int,
        claimant: Claimant | None = None,
        jumps: bool = False,
    ) -> tuple[int, float]:
        """Take `least` to `most` tokens or none; returns how many, and the seconds after which to ask again.

        While the account is slowed down both numbers shrink with it. With `jumps` they do not, and whose turn
        it is does not matter.
        """
        asks = claimant or self._claimant
        numbers: list[Any] = [least, most, asks.key, asks.priority, int(jumps)]
        for bucket in buckets:
            numbers += [bucket.rate, bucket.capacity]
        started = time.monotonic()
        granted, wait = self._call(self._take, _keys(buckets), numbers)
        if time.monotonic() - started > LAPSE_S:
            return 0, 0.0
        return granted, wait / 10_000

    def take(
        self, buckets: Sequence[Bucket], *, most: int, patience: float, claimant: Claimant | None = None
    ) -> Tokens | None:
        """Wait up to `patience` seconds for a block of at most `most` tokens; None when it did not come."""
        if any(bucket.left == 0 for bucket in buckets):
            return None
        wanted = max(1, min(most, *(bucket.block for bucket in buckets)))
        deadline = time.monotonic() + patience
        while True:
            taken_at = time.monotonic()
            granted, wait = self.try_take(buckets, least=wanted, most=wanted, claimant=claimant)
            if granted:
                self.granted_at = taken_at
                return Tokens(granted, taken_at)
            if time.monotonic() + wait > deadline:
                return None
            self._sleep(max(wait, 0.001))

    def retake(
        self,
        buckets: Sequence[Bucket],
        count: int,
        *,
        claimant: Claimant | None = None,
        patience: float = RETAKE_S,
    ) -> bool:
        """At the socket, for tokens that lapsed on the way: take all of them again, before others, or none.

        Without a little patience a machine that is slow enough to let its tokens lapse would never send.
        """
        deadline = time.monotonic() + patience
        while True:
            granted, wait = self.try_take(buckets, least=count, most=count, claimant=claimant, jumps=True)
            if granted:
                return True
            if time.monotonic() + wait >= deadline:
                return False
            self._sleep(max(wait, 0.001))

    def give_back(self, buckets: Sequence[Bucket], count: int, *, claimant: Claimant | None = None) -> None:
        """Return tokens that nobody needed, so that people who may not be mailed cost no time."""
        args: list[Any] = [count, (claimant or self._claimant).key, *(bucket.capacity for bucket in buckets)]
        self._call(self._give, _keys(buckets), args)

    def slow_down(self, bucket: Bucket) -> float:
        """SES throttled: empty the bucket, halve its factor (at most once a second); returns the factor."""
        return float(self._call(self._slow, [bucket.key], [])) / 1000

    def look(self, bucket: Bucket) -> tuple[float, float]:
        """Return the tokens that the bucket holds now, and the factor of its rate; takes nothing."""
        tokens, factor = self._call(self._look, [bucket.key], [bucket.rate, bucket.capacity])
        return float(tokens), float(factor)

    @staticmethod
    def _call(script: Any, keys: list[str], args: list[Any]) -> Any:
        try:
            return script(keys=keys, args=args)
        except redis.RedisError as error:
            raise LimiterUnavailableError(str(error)) from error


def _keys(buckets: Sequence[Bucket]) -> list[str]:
    return [claims_key(buckets[0].key), *(bucket.key for bucket in buckets)]
