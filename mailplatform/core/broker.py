"""Celery's way to Redis, with one flaw of kombu's mended: a channel that outlived its connection says so.

When Redis goes away, kombu closes the connection first and gives back unacknowledged messages afterwards. The channel
then asks a client that is gone for its host: an AttributeError, which no handler of lost connections knows, and which
ends the whole worker. As a lost connection it is handled like any other: the worker waits for Redis and goes on, and
the messages come again by their time-out (tasks are repeated from Postgres long before).
"""

from typing import Any

from kombu.transport import TRANSPORT_ALIASES
from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as RedisConnectionError


class Channel(kombu_redis.Channel):
    connection: Any

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  # kombu's signature
        if self.connection is None or self.connection.client is None:
            raise RedisConnectionError("the connection of this channel has been closed")
        parameters: dict[str, Any] = super()._connparams(  # type: ignore[misc]  # the stubs leave it out
            asynchronous=asynchronous
        )
        return parameters


class Transport(kombu_redis.Transport):
    Channel = Channel


def use_for_redis() -> None:
    """Have kombu open every `redis://`, `rediss://` and `redis+socket://` with this transport."""
    for scheme in ("redis", "rediss"):
        TRANSPORT_ALIASES[scheme] = f"{__name__}:Transport"
