"""What may be forgotten: kept in Redis to save work, and made again where Redis is away or has lost it."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import redis
import structlog
from django.core.cache import cache

log = structlog.get_logger(__name__)


def recall(keys: Iterable[str]) -> dict[str, Any]:
    """Return what is known under these keys; nothing where Redis does not answer."""
    with _or_without():
        return dict(cache.get_many(list(keys)))
    return {}


def keep(found: Mapping[str, Any], seconds: float) -> None:
    """Keep these values for so long, or not at all."""
    with _or_without():
        cache.set_many(dict(found), seconds)


def claim(key: str, seconds: float) -> bool:
    """Tell whether this is the caller's for so long: nobody else claimed it, and Redis answers."""
    with _or_without():
        return bool(cache.add(key, "claimed", seconds))
    return False


def forget(key: str) -> None:
    """Keep this no longer; where Redis does not answer, it ends by itself."""
    with _or_without():
        cache.delete(key)


@contextmanager
def _or_without() -> Iterator[None]:
    try:
        yield
    except redis.RedisError as error:
        log.warning("memo.away", error=str(error))
