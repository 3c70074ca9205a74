"""One request to the very address that was checked, within a time limit, without redirects."""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from ..numbers import whole
from . import addresses

CONNECT_S: Final = 5.0
TOTAL_S: Final = 15.0
ADDRESSES: Final = 3  # of one host, tried in turn
MAX_ANSWER: Final = 2_048
MAX_RETRY_AFTER_S: Final = 3_600
# Servers that know pages only by GET say so in one of these ways.
_NO_HEAD: Final = frozenset({403, 404, 405, 501})


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: a status, or 0 with the reason why there is none."""

    status: int
    milliseconds: int
    error: str = ""
    retry_after_s: int = 0

    @property
    def is_success(self) -> bool:
        """Only 2xx counts; a redirect is a failure."""
        return 200 <= self.status < 300


def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_loopback: bool) -> Answer:
    """Send `body`; never raises for what the other side does or for an address that is not allowed."""
    return _send("POST", url, body, headers, allow_loopback=allow_loopback)


def look(url: str, headers: Mapping[str, str], *, allow_loopback: bool) -> Answer:
    """Ask whether there is anything, without taking it; of a server that does not answer HEAD, its first bytes."""
    answer = _send("HEAD", url, None, headers, allow_loopback=allow_loopback)
    if answer.status in _NO_HEAD:
        return _send("GET", url, None, headers, allow_loopback=allow_loopback)
    return answer


def _send(
    method: str, url: str, body: bytes | None, headers: Mapping[str, str], *, allow_loopback: bool
) -> Answer:
    start = time.monotonic()
    try:
        target = addresses.parse(url, allow_loopback=allow_loopback)
        found = addresses.resolve(target, allow_loopback=allow_loopback)
        status, retry_after = _exchange(method, target, found, body, headers)
    except addresses.NotAllowed as error:
        return Answer(0, _since(start), str(error))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return Answer(0, _since(start), _words(error))
    words = "" if 200 <= status < 300 else f"The server answered {status}."
    return Answer(status, _since(start), words, retry_after)


def _exchange(
    method: str,
    target: addresses.Target,
    found: Sequence[str],
    body: bytes | None,
    headers: Mapping[str, str],
) -> tuple[int, int]:
    wire = _connect(target, found)
    # A server that drips a byte now and then would pass every timeout of a single read.
    guard = threading.Timer(TOTAL_S, _cut, [wire])
    guard.daemon = True
    guard.start()
    try:
        wire.settimeout(TOTAL_S)
        if isinstance(wire, ssl.SSLSocket):
            wire.do_handshake()
        connection = http.client.HTTPConnection(target.host, target.port, timeout=TOTAL_S)
        connection.sock = wire
        try:
            connection.request(method, target.path, body, {**headers, "Host": target.host_header})
            response = connection.getresponse()
            response.read(MAX_ANSWER)
            return response.status, _retry_after(response.headers.get("Retry-After", ""))
        finally:
            connection.close()
    finally:
        guard.cancel()
        wire.close()


def _connect(target: addresses.Target, found: Sequence[str]) -> socket.socket:
    """Connect to the first address that answers; with TLS not shaken hands yet. OSError of the last one."""
    for number, address in enumerate(found[:ADDRESSES], start=1):
        try:
            raw = socket.create_connection((address, target.port), timeout=CONNECT_S)
        except OSError:
            if number == min(len(found), ADDRESSES):
                raise
        else:
            break
    if not target.is_tls:
        return raw
    context = ssl.create_default_context()
    return context.wrap_socket(raw, server_hostname=target.host, do_handshake_on_connect=False)


def _cut(wire: socket.socket) -> None:
    """Shut the connection itself, also under TLS: whoever reads from it gets its end."""
    try:
        socket.socket.shutdown(wire, socket.SHUT_RDWR)
    except OSError:
        wire.close()


def _retry_after(text: str) -> int:
    return min(whole(text, digits=8), MAX_RETRY_AFTER_S)


def _words(error: Exception) -> str:
    """Say what went wrong without what the other side sent."""
    if isinstance(error, TimeoutError):
        return "The server did not answer in time."
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"The certificate of the server is not valid: {error.verify_message}."
    if isinstance(error, ssl.SSLError):
        return "The encrypted connection could not be made."
    if isinstance(error, ConnectionRefusedError):
        return "The server refused the connection."
    return f"The connection failed ({type(error).__name__})."


def _since(start: float) -> int:
    return int((time.monotonic() - start) * 1000)
