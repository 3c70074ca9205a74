"""A lean keep-alive HTTP/1.1 client: one connection per caller, status only.

SNS posts thousands of small bodies to one address; general clients spend more on a request than the
signature costs.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from functools import partial
from typing import cast
from urllib.parse import urlsplit

import httptools

TIMEOUT = 15.0


class HttpError(Exception):
    """No usable answer: refused, reset, timed out or not HTTP."""


class ConnectionLostError(HttpError):
    """The connection ended before an answer."""


class _Exchange(asyncio.Protocol):
    """Reads answers off one connection. With `head_only` an answer ends with its headers."""

    def __init__(self, *, head_only: bool = False) -> None:
        self.transport: asyncio.Transport | None = None
        self.answer: asyncio.Future[int] | None = None
        self.keep_alive = False
        self._head_only = head_only
        self._parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports do not inherit from asyncio's.
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(HttpError(f"not HTTP: {error}"))
            self.close()

    def on_headers_complete(self) -> None:
        # The parser would wait for the body that Content-Length announces, and an answer to HEAD has none.
        if self._head_only:
            self._answered(self._parser.get_status_code())

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        self.keep_alive = self._parser.should_keep_alive() and not self._head_only
        self._answered(status)
        self._parser = httptools.HttpResponseParser(self)

    def _answered(self, status: int) -> None:
        if status >= 200 and self.answer and not self.answer.done():
            self.answer.set_result(status)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self.fail(ConnectionLostError(f"connection lost: {exc or 'closed by the other side'}"))

    def fail(self, error: HttpError) -> None:
        """End the exchange with an error, unless it ended before."""
        if self.answer and not self.answer.done():
            self.answer.set_exception(error)

    def close(self) -> None:
        if self.transport:
            self.transport.close()
            self.transport = None


class Connection:
    """One reusable connection to one URL's host, for requests of one method. Not for concurrent use."""

    def __init__(
        self, url: str, *, method: str = "POST", timeout: Callable[[], float] = lambda: TIMEOUT
    ) -> None:
        parts = urlsplit(url)
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._timeout = timeout
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        host = f"[{self._host}]" if ":" in self._host else self._host
        if parts.port:
            host += f":{parts.port}"
        self._method = method
        self._head = f"{method} {target} HTTP/1.1\r\nHost: {host}\r\n"
        self._exchange: _Exchange | None = None

    async def request(self, headers: dict[str, str], body: bytes = b"") -> int:
        """Send one request; returns the status. Raises ``HttpError`` where none came in time."""
        reused = self._exchange is not None
        try:
            return await self._request(headers, body)
        except ConnectionLostError:
            # The other side may close an idle connection just as we write to it.
            if not reused:
                raise
            return await self._request(headers, body)

    async def _request(self, headers: dict[str, str], body: bytes) -> int:
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        length = f"Content-Length: {len(body)}\r\n" if self._method == "POST" else ""
        data = f"{self._head}{lines}{length}\r\n".encode() + body
        loop = asyncio.get_running_loop()
        try:
            exchange = await self._connected()
            exchange.answer = loop.create_future()
            timer = loop.call_later(self._timeout(), exchange.fail, HttpError("timed out"))
            try:
                assert exchange.transport
                exchange.transport.write(data)
                status = await exchange.answer
            finally:
                timer.cancel()
        except (OSError, TimeoutError) as error:
            self.close()
            raise HttpError(f"no connection: {error}") from error
        except BaseException:
            self.close()
            raise
        if not exchange.keep_alive:
            self.close()
        return status

    def close(self) -> None:
        """Drop the connection; the next request opens a new one."""
        if self._exchange:
            self._exchange.close()
            self._exchange = None

    async def _connected(self) -> _Exchange:
        if self._exchange and self._exchange.transport and not self._exchange.transport.is_closing():
            return self._exchange
        loop = asyncio.get_running_loop()
        context = ssl.create_default_context() if self._secure else None
        new = partial(_Exchange, head_only=self._method == "HEAD")
        opening = loop.create_connection(new, self._host, self._port, ssl=context)
        _, exchange = await asyncio.wait_for(opening, self._timeout())
        self._exchange = exchange
        return exchange


async def request_once(method: str, url: str, headers: dict[str, str], body: bytes = b"") -> int:
    """One request on a connection of its own; returns the status and follows nothing. Raises `HttpError`."""
    connection = Connection(url, method=method)
    try:
        return await connection.request(headers, body)
    finally:
        with contextlib.suppress(OSError):
            connection.close()
