"""What the limiter knows of the account just now, for pages and for monitoring."""

from dataclasses import dataclass
from functools import cache
from typing import Final

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from mailplatform.accounts.models import Installation

from . import limiter, quota

TIMEOUT_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Pace:
    """`tokens`: how many could be sent to at once. `factor`: the share of the account's rate that is used.

    The factor is below 1 after Amazon SES throttled, and grows back by itself.
    """

    tokens: float
    factor: float


def now(site: Installation) -> Pace | None:
    """Return how the account's bucket stands; None where Redis does not answer at once."""
    try:
        return Pace(*_limiter(settings.REDIS_URL).look(quota.buckets(site)[0]))
    except limiter.LimiterUnavailableError:
        return None


def slowed_to(site: Installation) -> float:
    """The share of the account's rate that is used: below 1 after Amazon SES throttled; 1 where nobody knows."""
    pace = now(site)
    return 1.0 if pace is None else pace.factor


@cache
def _limiter(url: str) -> limiter.Limiter:
    client = redis.Redis.from_url(
        url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, retry=Retry(NoBackoff(), 0)
    )
    return limiter.Limiter(client)
