"""Rate and daily quota."""

import pytest

from mailplatform.sandbox.errors import ApiError
from mailplatform.sandbox.limits import DailyQuota, TokenBucket


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        monkeypatch.setattr("mailplatform.sandbox.limits.time.monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_a_burst_passes_and_then_the_rate_rules(clock: Clock) -> None:
    bucket = TokenBucket(rate=10, burst=2)
    bucket.take(20)
    with pytest.raises(ApiError, match="Maximum sending rate exceeded"):
        bucket.take(1)
    clock.now += 0.5
    bucket.take(5)
    with pytest.raises(ApiError) as error:
        bucket.take(1)
    assert (error.value.code, error.value.status) == ("TooManyRequestsException", 429)


def test_a_refused_call_takes_nothing(clock: Clock) -> None:
    bucket = TokenBucket(rate=10, burst=1)
    for _ in range(3):
        with pytest.raises(ApiError):
            bucket.take(11)
    bucket.take(10)


def test_a_slow_account_still_sends_one_by_one(clock: Clock) -> None:
    bucket = TokenBucket(rate=0.5, burst=1)
    bucket.take(1)
    clock.now += 1
    with pytest.raises(ApiError):
        bucket.take(1)
    clock.now += 1
    bucket.take(1)


def test_an_idle_bucket_does_not_overflow(clock: Clock) -> None:
    bucket = TokenBucket(rate=10, burst=2)
    clock.now += 3600
    bucket.take(20)
    with pytest.raises(ApiError):
        bucket.take(1)


def test_the_day_rolls() -> None:
    quota = DailyQuota()
    quota.add(3, now=0)
    quota.add(2, now=1)
    quota.add(4, now=3600)
    assert quota.used(now=3600) == 9
    assert quota.used(now=24 * 3600 + 60) == 4
    assert quota.used(now=25 * 3600 + 60) == 0
