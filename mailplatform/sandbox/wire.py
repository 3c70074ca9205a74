"""Requests and responses over raw ASGI; nothing else in the sandbox touches ``scope``."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass
class Request:
    """One HTTP request, its body read whole."""

    method: str
    path: str
    raw_path: str
    query_string: str
    header_list: list[tuple[str, str]]
    body: bytes
    client_ip: str
    transport: Any = None

    @cached_property
    def headers(self) -> dict[str, str]:
        """Header values by lower-case name; repeated ones joined by commas."""
        merged: dict[str, str] = {}
        for name, value in self.header_list:
            merged[name] = f"{merged[name]},{value}" if name in merged else value
        return merged

    @cached_property
    def query(self) -> dict[str, list[str]]:
        """Decoded query parameters."""
        return parse_qs(self.query_string, keep_blank_values=True)

    def first(self, name: str, default: str = "") -> str:
        """First value of a query parameter."""
        return self.query.get(name, [default])[0]


@dataclass
class Response:
    """One HTTP answer."""

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)


def json_response(value: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Answer ``value`` as JSON."""
    return Response(status, orjson.dumps(value), "application/json", headers or {})


async def read_request(scope: Scope, receive: Receive) -> Request:
    """Collect the body and the decoded head of one request."""
    chunks: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            break
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            break
    raw_path = scope.get("raw_path") or scope["path"].encode()
    client = scope.get("client") or ("127.0.0.1", 0)
    return Request(
        method=scope["method"],
        path=scope["path"],
        raw_path=raw_path.decode("latin-1"),
        query_string=scope["query_string"].decode("latin-1"),
        header_list=[(n.decode("latin-1").lower(), v.decode("latin-1")) for n, v in scope["headers"]],
        body=b"".join(chunks),
        client_ip=client[0],
        transport=scope.get("mailplatform.transport"),
    )


async def send_response(send: Send, response: Response) -> None:
    """Write one whole answer."""
    headers = [
        (b"content-type", response.content_type.encode("latin-1")),
        (b"content-length", str(len(response.body)).encode("ascii")),
    ]
    headers += [(n.lower().encode("latin-1"), v.encode("latin-1")) for n, v in response.headers.items()]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})
