"""What the limiter knows of the account just now, for pages."""

from functools import cache
from typing import Any

import redis
from django.conf import settings

from mailplatform.accounts.models import Installation

from . import quota


def slowed_to(site: Installation) -> float:
    """The share of the account's rate that is used: below 1 after Amazon SES throttled; 1 where nobody knows."""
    try:
        found = _client().hget(quota.buckets(site)[0].key, "factor")
        return min(1.0, float(found)) if found else 1.0
    except (redis.RedisError, ValueError):
        return 1.0


@cache
def _client() -> Any:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5)
