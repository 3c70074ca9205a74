"""What may be forgotten: kept in Redis to save work, and made again where Redis is away or has lost it."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

import redis
import structlog
from django.core.cache import cache

log = structlog.get_logger(__name__)
Answer = TypeVar("Answer")


def recall(keys: Iterable[str]) -> dict[str, Any]:
    """Return what is known under these keys; nothing where Redis does not answer."""
    return _ask(lambda: dict(cache.get_many(list(keys))), {})


def keep(found: Mapping[str, Any], seconds: float) -> None:
    """Keep these values for so long, or not at all."""
    _ask(lambda: cache.set_many(dict(found), seconds), [])


def claim(key: str, seconds: float) -> bool:
    """Tell whether this is the caller's for so long: nobody else claimed it, and Redis answers."""
    return _ask(lambda: bool(cache.add(key, "claimed", seconds)), False)


def forget(key: str) -> None:
    """Keep this no longer; where Redis does not answer, it ends by itself."""
    _ask(lambda: cache.delete(key), False)


def _ask(question: Callable[[], Answer], otherwise: Answer) -> Answer:
    try:
        return question()
    except redis.RedisError as error:
        log.warning("memo.away", error=str(error))
        return otherwise
