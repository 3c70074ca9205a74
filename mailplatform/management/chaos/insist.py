"""Calling the product's services while its servers come and go."""

import time
from collections.abc import Callable
from typing import TypeVar

import kombu.exceptions
import redis
from django.db import InterfaceError, OperationalError, connection

Answer = TypeVar("Answer")
_AWAY = (InterfaceError, OperationalError, redis.RedisError, kombu.exceptions.OperationalError, OSError)


def insist(call: Callable[[], Answer], seconds: float = 60.0) -> Answer:
    """Return what `call` returns; while Postgres or Redis is away, try again for so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return call()
        except _AWAY:
            connection.close()
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
