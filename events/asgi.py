"""What the raw ASGI parts share: their types, a visitor's address, and work with the database in a thread."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeVar

from django.db import close_old_connections, connection

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Header = tuple[bytes, bytes]
Result = TypeVar("Result")


def address_of(scope: Scope) -> str:
    """Return the address that the server took for the visitor's."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def in_thread(call: Callable[..., Result], *arguments: object) -> Result:
    """Run `call` with a connection of this thread, and close it: the threads of a pool come and go."""
    close_old_connections()
    try:
        return call(*arguments)
    finally:
        connection.close()
