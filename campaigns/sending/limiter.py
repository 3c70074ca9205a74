"""The one rate limit of the account: a token bucket in Redis, shared by all workers.

Unit: one token is one recipient. The bucket of an account and Region fills at the account's own `MaxSendRate`
(below 1/s fractionally), times a factor that halves when SES throttles and comes back slowly. Time is Redis's
own. A bucket that is missing starts empty, so a restarted Redis never lets a burst out. Further buckets (a
campaign's own cap) may be taken from in the same step: the smallest decides.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import redis

LAPSE_S: Final = 0.25
BLOCK_S: Final = 0.25
MAX_BLOCK: Final = 500
MAX_CALL: Final = 50
SLOWEST: Final = 0.05
RECOVERY_PER_S: Final = 0.02
_EXPIRY_MS: Final = 3_600_000

# KEYS: buckets. ARGV: least, most, then (rate, capacity) of each bucket. Returns {granted, milliseconds to
# wait}.
_TAKE: Final = """
local now = redis.call('TIME')
local at = tonumber(now[1]) + tonumber(now[2]) / 1000000
local least, most = tonumber(ARGV[1]), tonumber(ARGV[2])
local granted, wait, held = most, 0, {}
for i, key in ipairs(KEYS) do
  local rate, capacity = tonumber(ARGV[2 * i + 1]), tonumber(ARGV[2 * i + 2])
  local row = redis.call('HMGET', key, 'tokens', 'at', 'factor', 'factor_at')
  local tokens, since = tonumber(row[1]) or 0, tonumber(row[2]) or at
  local factor = tonumber(row[3]) or 1
  if factor < 1 then
    factor = math.min(1, factor + (at - (tonumber(row[4]) or at)) * __RECOVERY__)
  end
  local fill = rate * factor
  tokens = math.min(capacity, tokens + math.max(0, at - since) * fill)
  held[i] = tokens
  granted = math.min(granted, math.floor(tokens + 0.000001))
  if tokens < least then wait = math.max(wait, (least - tokens) / fill * 1000) end
end
if granted < least then granted = 0 end
for i, key in ipairs(KEYS) do
  redis.call('HSET', key, 'tokens', string.format('%.6f', held[i] - granted), 'at', string.format('%.6f', at))
  redis.call('PEXPIRE', key, __EXPIRY__)
end
return {granted, math.ceil(wait)}
""".replace("__RECOVERY__", str(RECOVERY_PER_S)).replace("__EXPIRY__", str(_EXPIRY_MS))

# KEYS: buckets. ARGV: tokens, then each bucket's capacity. Puts back what was not spent.
_GIVE: Final = """
for i, key in ipairs(KEYS) do
  local tokens = tonumber(redis.call('HGET', key, 'tokens'))
  if tokens then
    tokens = math.min(tonumber(ARGV[i + 1]), tokens + tonumber(ARGV[1]))
    redis.call('HSET', key, 'tokens', string.format('%.6f', tokens))
  end
end
return 1
"""

# KEYS: the account's bucket. Halves its factor, at most once a second; returns the factor in thousandths.
_SLOW: Final = (
    """
local now = redis.call('TIME')
local at = tonumber(now[1]) + tonumber(now[2]) / 1000000
local row = redis.call('HMGET', KEYS[1], 'factor', 'factor_at')
local factor, since = tonumber(row[1]) or 1, tonumber(row[2]) or 0
if at - since >= 1 then
  if factor < 1 then factor = math.min(1, factor + (at - since) * __RECOVERY__) end
  factor = math.max(__SLOWEST__, factor / 2)
  redis.call('HSET', KEYS[1], 'factor', tostring(factor), 'factor_at', string.format('%.6f', at), 'tokens',
  '0', 'at', string.format('%.6f', at)) redis.call('PEXPIRE', KEYS[1], __EXPIRY__)
end
return math.floor(factor * 1000)
""".replace("__RECOVERY__", str(RECOVERY_PER_S))
    .replace("__SLOWEST__", str(SLOWEST))
    .replace("__EXPIRY__", str(_EXPIRY_MS))
)


class LimiterUnavailableError(Exception):
    """Redis cannot be asked: sending waits, because nobody knows what other workers send."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """One limit. `rate` in recipients per second."""

    key: str
    rate: float

    @property
    def capacity(self) -> int:
        """The most that may accrue while nobody sends: one block."""
        return block_size(self.rate)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Permission to send to `count` recipients now; it lapses after 250 ms."""

    count: int
    taken_at: float = field(default_factory=time.monotonic)

    @property
    def lapsed(self) -> bool:
        """Whether these may no longer be spent."""
        return time.monotonic() - self.taken_at > LAPSE_S


def account_key(account: str, region: str) -> str:
    """The Redis key of the account's bucket."""
    return f"mailplatform:rate:{account}:{region}"


def run_key(run_id: int) -> str:
    """The Redis key of a run's own cap."""
    return f"mailplatform:rate:run:{run_id}"


def call_size(rate: float) -> int:
    """How many recipients one call may name at this rate. SES counts every one of them against the rate."""
    return max(1, min(MAX_CALL, math.floor(rate)))


def block_size(rate: float) -> int:
    """How many tokens are taken at once: a quarter second's worth, but always enough for one full call."""
    return max(1, min(MAX_BLOCK, math.floor(rate * BLOCK_S)), call_size(rate))


class Limiter:
    """Takes tokens for a sender. All methods raise LimiterUnavailableError when Redis does not answer."""

    def __init__(self, client: "redis.Redis[bytes]", *, sleep: Callable[[float], None] = time.sleep) -> None:
        """`sleep` waits the given number of seconds."""
        self._client = client
        self._sleep = sleep
        self._take: Any = client.register_script(_TAKE)
        self._give: Any = client.register_script(_GIVE)
        self._slow: Any = client.register_script(_SLOW)

    def try_take(self, buckets: Sequence[Bucket], *, least: int, most: int) -> tuple[int, float]:
        """Take `least` to `most` tokens or none; returns how many, and the seconds until `least` are."""
        numbers: list[float] = [least, most]
        for bucket in buckets:
            numbers += [bucket.rate, bucket.capacity]
        started = time.monotonic()
        granted, wait_ms = self._call(self._take, [bucket.key for bucket in buckets], numbers)
        if time.monotonic() - started > LAPSE_S:
            return 0, 0.0
        return granted, wait_ms / 1000

    def take(self, buckets: Sequence[Bucket], *, most: int, patience: float) -> Tokens | None:
        """Wait up to `patience` seconds for a block of at most `most` tokens; None when it did not come."""
        block = min(bucket.capacity for bucket in buckets)
        wanted = max(1, min(most, block))
        deadline = time.monotonic() + patience
        while True:
            taken_at = time.monotonic()
            granted, wait = self.try_take(buckets, least=wanted, most=wanted)
            if granted:
                return Tokens(granted, taken_at)
            if time.monotonic() + wait > deadline:
                return None
            self._sleep(max(wait, 0.001))

    def retake(self, buckets: Sequence[Bucket], count: int) -> bool:
        """At the socket, for tokens that lapsed on the way: take them again at once or not at all."""
        granted, _ = self.try_take(buckets, least=count, most=count)
        return granted == count

    def give_back(self, buckets: Sequence[Bucket], count: int) -> None:
        """Return tokens that nobody needed, so that people who may not be mailed cost no time."""
        args: list[float] = [count, *(bucket.capacity for bucket in buckets)]
        self._call(self._give, [bucket.key for bucket in buckets], args)

    def slow_down(self, bucket: Bucket) -> float:
        """SES throttled: empty the bucket, halve its factor (at most once a second); returns the factor."""
        return float(self._call(self._slow, [bucket.key], [])) / 1000

    @staticmethod
    def _call(script: Any, keys: list[str], args: list[float]) -> Any:
        try:
            return script(keys=keys, args=args)
        except redis.RedisError as error:
            raise LimiterUnavailableError(str(error)) from error
