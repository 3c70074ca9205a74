"""What the limiter knows, read without taking anything."""

import pytest
import redis
from pytest_django import Settings

from campaigns.sending import limiter, pace, quota
from mailplatform.accounts.models import Installation

pytestmark = pytest.mark.django_db


@pytest.fixture
def bucket(site: Installation) -> limiter.Bucket:
    """Of 2,500 recipients a second, at most 750 of them at once."""
    return quota.buckets(site)[0]


def _now(site: Installation) -> pace.Pace:
    found = pace.now(site)
    assert found is not None
    return found


def test_a_bucket_that_nobody_used_is_empty_and_whole(
    site: Installation, bucket: limiter.Bucket, redis_client: "redis.Redis[bytes]"
) -> None:
    assert _now(site) == pace.Pace(0.0, 1.0)
    assert not redis_client.exists(bucket.key)


def test_it_fills_up_to_its_capacity_and_looking_takes_nothing(
    site: Installation, bucket: limiter.Bucket, redis_client: "redis.Redis[bytes]"
) -> None:
    seconds, _ = redis_client.time()
    redis_client.hset(bucket.key, mapping={"tokens": 3, "at": seconds - 60})
    assert _now(site) == _now(site) == pace.Pace(bucket.capacity, 1.0)
    redis_client.hset(bucket.key, mapping={"tokens": 3, "at": seconds + 60})
    assert _now(site).tokens == 3


def test_the_factor_after_a_throttle_grows_back(
    site: Installation, bucket: limiter.Bucket, redis_client: "redis.Redis[bytes]"
) -> None:
    limiter.Limiter(redis_client).slow_down(bucket)
    assert 0.5 <= pace.slowed_to(site) < 1
    seconds, _ = redis_client.time()
    redis_client.hset(bucket.key, mapping={"factor": 0.5, "factor_at": seconds - 10})
    assert 0.7 <= pace.slowed_to(site) < 1
    redis_client.hset(bucket.key, mapping={"factor": 0.5, "factor_at": seconds - 60})
    assert pace.slowed_to(site) == 1


def test_without_redis_nobody_knows(site: Installation, settings: Settings) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock?db=0"
    assert pace.now(site) is None
    assert pace.slowed_to(site) == 1
