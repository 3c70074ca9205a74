"""What may be forgotten: kept in Redis to save work, and made again where Redis is away or has lost it."""

from collections.abc import Iterable, Mapping
from typing import Any

import redis
import structlog
from django.core.cache import cache

log = structlog.get_logger(__name__)


def recall(keys: Iterable[str]) -> dict[str, Any]:
    """Return what is known under these keys; nothing where Redis does not answer."""
    try:
        return dict(cache.get_many(list(keys)))
    except redis.RedisError as error:
        log.warning("memo.away", error=str(error))
        return {}


def keep(found: Mapping[str, Any], seconds: float) -> None:
    """Keep these values for so long, or not at all."""
    try:
        cache.set_many(dict(found), seconds)
    except redis.RedisError as error:
        log.warning("memo.away", error=str(error))


def forget(key: str) -> None:
    """Keep this no longer; where Redis does not answer, it ends by itself."""
    try:
        cache.delete(key)
    except redis.RedisError as error:
        log.warning("memo.away", error=str(error))
