"""The shared token bucket, against a real Redis."""

import itertools
import threading
import time
from collections.abc import Iterator

import pytest
import redis

from campaigns.sending import limiter, limiter_scripts

_numbers = itertools.count()


@pytest.fixture
def bucket_key(redis_client: "redis.Redis[bytes]") -> Iterator[str]:
    key = limiter.account_key("123456789012", f"test-{next(_numbers)}-{time.time_ns()}")
    yield key
    redis_client.delete(key, limiter.claims_key(key))


@pytest.fixture
def tokens(redis_client: "redis.Redis[bytes]") -> limiter.Limiter:
    return limiter.Limiter(redis_client)


def _age(redis_client: "redis.Redis[bytes]", key: str, seconds: float) -> None:
    """Let the bucket believe that it was last touched `seconds` ago, instead of waiting."""
    at = float(str(redis_client.hget(key, "at").decode()))  # type: ignore[union-attr]
    redis_client.hset(key, "at", f"{at - seconds:.6f}")
    for name in ("factor_at", "slowed_at"):
        if redis_client.hexists(key, name):
            since = float(str(redis_client.hget(key, name).decode()))  # type: ignore[union-attr]
            redis_client.hset(key, name, f"{since - seconds:.6f}")


def _hold(redis_client: "redis.Redis[bytes]", key: str, tokens: float) -> None:
    """Let the bucket hold so many tokens, and not refill before the next question: its time lies ahead."""
    redis_client.hset(key, mapping={"tokens": tokens, "at": time.time() + 3600})


@pytest.mark.parametrize(
    ("rate", "size"),
    [(0.2, 1), (1, 1), (14, 14), (49.9, 49), (50, 50), (500, 50), (100_000, 50)],
)
def test_call_size_never_exceeds_the_rate_or_fifty(rate: float, size: int) -> None:
    assert limiter.call_size(rate) == size


@pytest.mark.parametrize(
    ("rate", "size"), [(0.2, 1), (1, 1), (14, 14), (200, 50), (500, 100), (2000, 400), (1e5, 500)]
)
def test_a_block_is_a_fifth_of_a_second_but_at_least_one_call(rate: float, size: int) -> None:
    assert limiter.block_size(rate) == size
    assert size < limiter.capacity(rate)


@pytest.mark.parametrize(("left", "size"), [(None, 400), (1000, 400), (7, 7), (0, 1)])
def test_what_is_left_of_the_day_bounds_the_block(left: int | None, size: int) -> None:
    assert limiter.Bucket("x", 2000, left=left).block == size


def test_a_missing_bucket_starts_empty(tokens: limiter.Limiter, bucket_key: str) -> None:
    granted, wait = tokens.try_take([limiter.Bucket(bucket_key, 10)], least=1, most=10)
    assert granted == 0
    assert 0 < wait <= 0.1


def test_it_fills_at_the_rate(
    tokens: limiter.Limiter, bucket_key: str, redis_client: "redis.Redis[bytes]"
) -> None:
    bucket = limiter.Bucket(bucket_key, 100)
    tokens.try_take([bucket], least=1, most=1)
    _age(redis_client, bucket_key, 0.2)
    granted, _ = tokens.try_take([bucket], least=1, most=50)
    assert granted >= 20


def test_it_holds_at_most_one_burst(
    tokens: limiter.Limiter, bucket_key: str, redis_client: "redis.Redis[bytes]"
) -> None:
    bucket = limiter.Bucket(bucket_key, 500)
    tokens.try_take([bucket], least=1, most=1)
    _age(redis_client, bucket_key, 3600)
    assert tokens.try_take([bucket], least=1, most=10_000)[0] == 150


def test_below_one_per_second_tokens_accrue_in_fractions(
    tokens: limiter.Limiter, bucket_key: str, redis_client: "redis.Redis[bytes]"
) -> None:
    bucket = limiter.Bucket(bucket_key, 0.1)
    tokens.try_take([bucket], least=1, most=1)
    _age(redis_client, bucket_key, 5)
    granted, wait = tokens.try_take([bucket], least=1, most=1)
    assert granted == 0
    assert 0 < wait <= limiter_scripts.LONGEST_WAIT_S
    _age(redis_client, bucket_key, 5)
    assert tokens.try_take([bucket], least=1, most=1)[0] == 1


def test_less_than_the_least_grants_nothing_and_keeps_the_tokens(
    tokens: limiter.Limiter, bucket_key: str, redis_client: "redis.Redis[bytes]"
) -> None:
    bucket = limiter.Bucket(bucket_key, 50)
    _hold(redis_client, bucket_key, 25)
    assert tokens.try_take([bucket], least=50, most=50)[0] == 0
    assert tokens.try_take([bucket], least=20, most=50)[0] >= 25


def test_a_caps_bucket_decides_when_it_is_smaller(
    tokens: limiter.Limiter, bucket_key: str, redis_client: "redis.Redis[bytes]"
) -> None:
    account, cap = limiter.Bucket(bucket_key, 500), limiter.Bucket(f"{bucket_key}:cap", 4)
    _hold(redis_client, account.key, 100)
    _hold(redis_client, cap.key, 4)
    assert tokens.try_take([account, cap], least=1, most=500)[0] == 4
    _hold(redis_client, account.key, float(redis_client.hget(account.key, "tokens") or 0))
    assert tokens.try_take([account], least=1, most=500)[0] == 96
    redis_client.delete(cap.key)


def test_throttling_halves_once_a_second_and_recovers_slowly(
    tokens: limiter.Limiter, bucket_key: str, redis_client: "redis.Redis[bytes]"
) -> None:
    bucket = limiter.Bucket(bucket_key, 100)
    assert tokens.slow_down(bucket) == 0.5
    assert tokens.slow_down(bucket) == 0.5
    _age(redis_client, bucket_key, 2)
    assert 0.25 <= tokens.slow_down(bucket) < 0.3
    _age(redis_client, bucket_key, 3600)
    tokens.try_take([bucket], least=1, most=50)
    _age(redis_client, bucket_key, 0.2)
    assert tokens.try_take([bucket], least=1, most=50)[0] >= 20


def test_take_waits_for_a_block_and_gives_up_after_its_patience(
    redis_client: "redis.Redis[bytes]", bucket_key: str
) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        _age(redis_client, bucket_key, seconds)

    waiting = limiter.Limiter(redis_client, sleep=sleep)
    bucket = limiter.Bucket(bucket_key, 0.5)
    assert waiting.take([bucket], most=1, patience=0.1) is None
    assert slept == []
    found = waiting.take([bucket], most=500, patience=10)
    assert found is not None
    assert found.count == 1
    assert 1.5 < sum(slept) < 2.5
    assert max(slept) <= limiter_scripts.LONGEST_WAIT_S


def test_tokens_lapse(monkeypatch: pytest.MonkeyPatch) -> None:
    held = limiter.Tokens(5)
    assert not held.lapsed
    assert limiter.Tokens(5, taken_at=time.monotonic() - 0.6).lapsed


def test_retake_is_all_or_nothing(
    tokens: limiter.Limiter, bucket_key: str, redis_client: "redis.Redis[bytes]"
) -> None:
    bucket = limiter.Bucket(bucket_key, 50)
    assert not tokens.retake([bucket], 10, patience=0)
    _age(redis_client, bucket_key, 0.3)
    assert tokens.retake([bucket], 10)


def test_many_workers_together_stay_within_the_bucket(
    bucket_key: str, redis_client: "redis.Redis[bytes]"
) -> None:
    bucket = limiter.Bucket(bucket_key, 400)
    taken: list[int] = []

    def worker() -> None:
        mine = limiter.Limiter(redis_client)
        taken.extend(mine.try_take([bucket], least=1, most=7)[0] for _ in range(20))

    started = time.monotonic()
    threads = [threading.Thread(target=worker) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(taken) <= 400 * (time.monotonic() - started) + 1


def test_redis_gone_has_a_name() -> None:
    nowhere = redis.Redis(unix_socket_path="/nonexistent/redis.sock", retry=None)
    with pytest.raises(limiter.LimiterUnavailableError):
        limiter.Limiter(nowhere).take([limiter.Bucket("x", 1)], most=1, patience=1)
    nowhere.close()


def test_tokens_that_nobody_needed_come_back(
    tokens: limiter.Limiter, bucket_key: str, redis_client: "redis.Redis[bytes]"
) -> None:
    bucket = limiter.Bucket(bucket_key, 10)
    _hold(redis_client, bucket_key, 10)
    assert tokens.try_take([bucket], least=10, most=10)[0] == 10
    tokens.give_back([bucket], 7)
    assert tokens.try_take([bucket], least=7, most=7)[0] == 7
    tokens.give_back([bucket], 500)
    _age(redis_client, bucket_key, 60)
    assert tokens.try_take([bucket], least=1, most=500)[0] == 15
