"""How often one network or one address may use a form, counted in Redis by the hour.

Redis holds keyed hashes and no address of anybody. Where it is away nothing is held back here: how many mails an
address gets is counted in Postgres (`subscribers.services.owed_mails`).
"""

import hmac
from functools import cache
from typing import Final

import redis
import structlog
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from mailplatform.core import clock, keys
from subscribers.services import consent

PER_NETWORK: Final = 60
PER_ADDRESS: Final = 10
_HOUR: Final = 3_600
log = structlog.get_logger(__name__)


@cache
def _client() -> "redis.Redis[bytes]":
    # A form must not wait for a Redis that is away.
    once = Retry(NoBackoff(), 0)
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2, retry=once)


def network_is_busy(ip: str) -> bool:
    """Count a use from this IP's network (a /24 or /48); True once it had its share of the hour."""
    network = consent.minimise_ip(ip)
    return bool(network) and _count("network", network) > PER_NETWORK


def address_is_busy(email: str) -> bool:
    """Count a use for this address; True once it had its share of the hour."""
    return _count("address", keys.normalise_email(email)) > PER_ADDRESS


def _count(kind: str, text: str) -> int:
    hour = int(clock.now().timestamp()) // _HOUR
    digest = hmac.digest(
        keys.derive("throttle"), f"{kind}:{text}".encode("utf-8", "replace"), "sha256"
    ).hex()[:32]
    name = f"throttle:{kind}:{hour}:{digest}"
    try:
        with _client().pipeline() as pipe:
            pipe.incr(name)
            pipe.expire(name, 2 * _HOUR)
            return int(pipe.execute()[0])
    except redis.RedisError as error:
        log.warning("throttle.away", error=str(error))
        return 0
