"""HTTP/1.1 to one host over connections that stay open, many requests at once from one thread.

Requests are given as bytes and go out each on a connection of its own; one `poll` waits for all answers. That is a
quarter of what a pool of threads with urllib3 costs. What matters for sending: nothing is ever repeated, and only a
connection that never came about, or a fault before the first byte, counts as proof that nothing left this machine;
whatever goes wrong after that is a lost answer. No redirects, no proxies, no compression.
"""

import os
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

import structlog

from . import errors
from .http_reply import BrokenReplyError, Reply, ReplyReader

log = structlog.get_logger(__name__)

MAX_IDLE_S: Final = 15.0
_CHUNK: Final = 65536
_AGAIN: Final = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)

Head = Callable[[str, str, bytes], dict[str, str]]  # (host, path, body) → headers, made at the last moment
Permit = Callable[[int], None]  # asked with the request's number just before its first byte; raises SesError


@dataclass(slots=True)
class _Exchange:
    """One request on its way."""

    number: int
    sock: socket.socket
    out: memoryview = field(default_factory=lambda: memoryview(b""))
    reader: ReplyReader = field(default_factory=ReplyReader)
    deadline: float = 0.0
    events: int = 0


class Wire:
    """The connections of one process to one host. Share it between threads: each takes what it needs."""

    def __init__(
        self, base_url: str, head: Head, *, connect_timeout: float, read_timeout: float, keep: int
    ) -> None:
        """Opens nothing yet. `keep` connections at most stay open while nobody uses them. Times in seconds."""
        parts = urlsplit(base_url)
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._name = parts.hostname or ""
        self._port = parts.port or (443 if self._tls else 80)
        self._host = parts.netloc.rpartition("@")[2]
        if (self._tls and self._host.endswith(":443")) or (not self._tls and self._host.endswith(":80")):
            self._host = self._host.rpartition(":")[0]
        self._prefix = parts.path.rstrip("/")
        self._head = head
        self._connect_timeout, self._read_timeout, self._keep = connect_timeout, read_timeout, keep
        self._lock = threading.Lock()
        self._idle: list[tuple[socket.socket, float]] = []
        self._owner = os.getpid()

    def post(
        self,
        path: str,
        bodies: Sequence[bytes],
        *,
        permit: Permit | None = None,
        executor: Executor | None = None,
    ) -> list[Reply | errors.SesError]:
        """POST all bodies at once; for each its answer or what went wrong, in order. Never raises SesError.

        `permit` may refuse a request by raising SesError; then nothing of it is written. With an `executor`,
        missing connections are opened side by side.
        """
        found: list[Reply | errors.SesError | None] = [None] * len(bodies)
        running = []
        sockets = self._sockets(len(bodies), executor)
        for number, (body, sock) in enumerate(zip(bodies, sockets, strict=True)):
            if isinstance(sock, errors.SesError):
                found[number] = sock
                continue
            exchange = _Exchange(number, sock)
            error = self._start(exchange, path, body, permit)
            if error is None:
                running.append(exchange)
            else:
                found[number] = error
        self._finish(running, found)
        return [each or errors.LostAnswerError("no answer") for each in found]

    def close(self) -> None:
        """Close what is idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for sock, _ in idle:
            sock.close()

    def __del__(self) -> None:
        """Whoever exchanges the sender (other keys, say) need not close the old one."""
        self.close()

    def _start(
        self, exchange: _Exchange, path: str, body: bytes, permit: Permit | None
    ) -> errors.SesError | None:
        """Sign and write what the socket takes; an error means that this exchange is over.

        The signature is older than the permission: whoever is frozen after it wakes up with one that is refused,
        and cannot sign afresh for people who were given up meanwhile.
        """
        path = self._prefix + path
        try:
            lines = [f"{name}: {value}\r\n" for name, value in self._head(self._host, path, body).items()]
            if permit is not None:
                permit(exchange.number)
        except Exception as error:  # noqa: BLE001 - the other requests are on their way: nobody may raise here
            # Not a byte was written: the connection is as good as before.
            self._put_back(exchange.sock)
            return error if isinstance(error, errors.SesError) else _not_written(error)
        head = f"POST {path} HTTP/1.1\r\nHost: {self._host}\r\n{''.join(lines)}Content-Length: {len(body)}\r\n\r\n"
        exchange.out = memoryview(head.encode("latin-1") + body)
        exchange.deadline = time.monotonic() + self._read_timeout
        try:
            self._write(exchange)
        except OSError as error:
            exchange.sock.close()
            return _lost(error)
        return None

    def _write(self, exchange: _Exchange) -> None:
        exchange.events = select.POLLIN
        try:
            while exchange.out:
                exchange.out = exchange.out[exchange.sock.send(exchange.out) :]
        except (BlockingIOError, ssl.SSLWantWriteError):
            exchange.events = select.POLLIN | select.POLLOUT
        except ssl.SSLWantReadError:
            pass

    def _finish(self, running: list[_Exchange], found: list[Reply | errors.SesError | None]) -> None:
        poll, by_number = select.poll(), {}
        for exchange in running:
            by_number[exchange.sock.fileno()] = exchange
            poll.register(exchange.sock, exchange.events)
        try:
            while by_number:
                wait = min(each.deadline for each in by_number.values()) - time.monotonic()
                for number, _ in poll.poll(max(0.0, wait) * 1000):
                    exchange = by_number[number]
                    before = exchange.events
                    found[exchange.number] = self._advance(exchange)
                    if found[exchange.number] is not None:
                        del by_number[number]
                        poll.unregister(number)
                        self._end(exchange, found[exchange.number])
                    elif exchange.events != before:
                        poll.modify(number, exchange.events)
                now = time.monotonic()
                for number, exchange in list(by_number.items()):
                    if now >= exchange.deadline:
                        del by_number[number]
                        poll.unregister(number)
                        exchange.sock.close()
                        found[exchange.number] = errors.LostAnswerError(
                            f"no answer in {self._read_timeout:g} s"
                        )
        finally:
            for exchange in by_number.values():
                exchange.sock.close()

    def _advance(self, exchange: _Exchange) -> Reply | errors.SesError | None:
        """Write and read what is possible now; None while there is more to come."""
        try:
            if exchange.out:
                self._write(exchange)
            while True:
                data = exchange.sock.recv(_CHUNK)
                if not data:
                    return exchange.reader.closed()
                reply = exchange.reader.feed(data)
                if reply is not None:
                    return reply
                if self._tls is None and len(data) < _CHUNK:
                    return None
        except _AGAIN:
            return None
        except (OSError, BrokenReplyError) as error:
            return _lost(error)

    def _end(self, exchange: _Exchange, result: Reply | errors.SesError | None) -> None:
        if isinstance(result, Reply) and result.keep_alive and not exchange.out:
            self._put_back(exchange.sock)
        else:
            exchange.sock.close()

    def _sockets(self, count: int, executor: Executor | None) -> list[socket.socket | errors.SesError]:
        found: list[socket.socket | errors.SesError] = []
        while len(found) < count and (sock := self._take_idle()) is not None:
            found.append(sock)
        missing = range(count - len(found))
        if executor is not None and len(missing) > 1:
            return found + list(executor.map(self._open, missing))
        return found + [self._open(number) for number in missing]

    def _take_idle(self) -> socket.socket | None:
        """One that is still open: a connection that the other side closes while we write is a lost answer."""
        while True:
            with self._lock:
                if self._owner != os.getpid():
                    # After a fork these belong to the parent.
                    self._idle, self._owner = [], os.getpid()
                if not self._idle:
                    return None
                sock, since = self._idle.pop()
            if time.monotonic() - since <= MAX_IDLE_S and _is_quiet(sock):
                return sock
            sock.close()

    def _put_back(self, sock: socket.socket) -> None:
        with self._lock:
            if len(self._idle) < self._keep and self._owner == os.getpid():
                self._idle.append((sock, time.monotonic()))
                return
        sock.close()

    def _open(self, _: int) -> socket.socket | errors.SesError:
        sock: socket.socket | None = None
        try:
            sock = socket.create_connection((self._name, self._port), timeout=self._connect_timeout)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            if self._tls is not None:
                sock = self._tls.wrap_socket(sock, server_hostname=self._name)
            sock.setblocking(False)
        except (OSError, ValueError) as error:
            if sock is not None:
                sock.close()
            return errors.NotReachedError(f"{type(error).__name__}: {error}")
        return sock


def _is_quiet(sock: socket.socket) -> bool:
    """Nothing to read: what is sent unasked is an end, or an answer to nobody."""
    try:
        sock.recv(1)
    except _AGAIN:
        return True
    except OSError:
        return False
    return False


def _not_written(error: Exception) -> errors.NotWrittenError:
    log.error("wire.not_written", exc_info=error)
    return errors.NotWrittenError("Internal error, see the log", error)


def _lost(error: Exception) -> errors.LostAnswerError:
    return errors.LostAnswerError(f"{type(error).__name__}: {error}")
