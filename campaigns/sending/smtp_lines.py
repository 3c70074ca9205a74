"""Connections to an SMTP server: opened, signed in, kept for the next mail, and let go of when they fail.

Whoever borrows one says by when it must be over: a server that answers in drops must not keep a worker beyond its
call's lease. Only the look-up of the server's name is bounded by the resolver instead (thirty seconds, mostly).
"""

import io
import queue
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import structlog

from mailplatform.aws import errors
from mailplatform.aws.errors import Verdict
from mailplatform.core.smtp_server import SmtpServer

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log = structlog.get_logger(__name__)

_OK, _NEVER = 250, 500
# Older connections may have been forgotten by something in between, and asking them would take a time-out each.
IDLE_S: Final = 20.0
# All goodbyes together.
GOODBYE_S: Final = 1.0
_PIECE: Final = 1 << 16


class Line(smtplib.SMTP):
    """A connection of which each step takes `patience` seconds at most, and all end by the monotonic time `until`.

    Steps that would end later raise OSError, as every time-out does.
    """

    def __init__(self, to: SmtpServer, *, patience: float, until: float) -> None:
        """Connect and hear the greeting. Raises OSError."""
        self._to = to
        self.patience, self.until = patience, until
        super().__init__(to.host, to.port, local_hostname=_own_name(), timeout=patience)

    @property
    def left(self) -> float:
        """Seconds until all must be over; none left is below zero."""
        return self.until - time.monotonic()

    def getreply(self) -> tuple[int, bytes]:
        """Read a reply, in which a drop now and then gains no time."""
        if self.file is None:
            self.file = io.BufferedReader(_Ear(self))
        return super().getreply()

    def send(self, s: "ReadableBuffer | str") -> None:
        """Send bytes, or text in ASCII."""
        data = s.encode(self.command_encoding) if isinstance(s, str) else bytes(s)
        for start in range(0, len(data), _PIECE):
            if self.sock is not None:
                self.sock.settimeout(self.next_step())
            super().send(data[start : start + _PIECE])

    def next_step(self) -> float:
        """Return the seconds that the next step may take. Raises TimeoutError where there are none."""
        seconds = min(self.patience, self.left)
        if seconds <= 0:
            raise TimeoutError("the time for this call was over")
        return seconds

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Try each address of the host, as smtplib does; TLS at once where the server wants it."""
        del timeout  # changes from address to address
        failed: OSError = OSError(f"{host} has no address")
        for *_, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            try:
                found = socket.create_connection((str(address[0]), port), self.next_step())
            except OSError as error:
                failed = error
                continue
            if self._to.tls_at_once:
                return ssl.create_default_context().wrap_socket(found, server_hostname=host)
            return found
        raise failed


class _Ear(io.RawIOBase):
    """Reads what the server says, never beyond the time of the line."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        sock = self._line.sock
        if sock is None:
            raise OSError("the connection was closed")
        sock.settimeout(self._line.next_step())
        return sock.recv_into(buffer)


@cache
def _own_name() -> str:
    """How this machine introduces itself: smtplib's rule, whose look-up in the DNS may take a while, asked once."""
    return smtplib.SMTP().local_hostname


class Lines:
    """Lends a connection to each mail. Share it between threads."""

    def __init__(self, to: SmtpServer, *, connect_timeout: float, read_timeout: float) -> None:
        """Open nothing yet. Both times are seconds."""
        self._to = to
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._idle: queue.LifoQueue[tuple[float, Line]] = queue.LifoQueue()

    @contextmanager
    def lend(self, *, until: float) -> Iterator[Line]:
        """Lend a connection that answers; it comes back unless it was closed. Raises SesError.

        All that is done with it ends by the monotonic time `until`.
        """
        line = self._kept(until) or self._open(until)
        try:
            yield line
        except BaseException:
            line.close()  # nobody knows what it waits for
            raise
        if line.sock is not None:
            self._idle.put((time.monotonic(), line))

    def close(self) -> None:
        """End the connections that wait for the next mail, politely if that is quick."""
        until = time.monotonic() + GOODBYE_S
        while True:
            try:
                _, line = self._idle.get_nowait()
            except queue.Empty:
                return
            line.until = until
            with suppress(OSError, smtplib.SMTPException):
                line.quit()
            line.close()

    def _kept(self, until: float) -> Line | None:
        while True:
            try:
                since, line = self._idle.get_nowait()
            except queue.Empty:
                return None
            line.patience, line.until = self._connect_timeout, until
            try:
                if time.monotonic() - since < IDLE_S and line.noop()[0] == _OK:
                    line.patience = self._read_timeout
                    return line
            except (OSError, smtplib.SMTPException):
                log.debug("smtp.idle_connection_gone")
            line.close()

    def _open(self, until: float) -> Line:
        to, line = self._to, None
        try:
            line = Line(to, patience=self._connect_timeout, until=until)
            self._greet(line)
        except OSError as error:  # as smtplib's own errors are, too
            if line is not None:
                line.close()
            if _needs_a_person(error):
                words = f"{to.host} did not let us in: {error}"
                raise errors.RefusedCallError(Verdict.STOP, "SmtpRefused", words) from error
            raise errors.NotReachedError(f"{to.host}:{to.port}: {error}") from error
        return line

    def _greet(self, line: Line) -> None:
        line.patience = self._read_timeout
        line.ehlo_or_helo_if_needed()
        # A server on this machine mostly has a certificate that nobody can check, and needs none without a password.
        is_plain_enough = self._to.is_local and not (self._to.user and line.has_extn("starttls"))
        if not self._to.tls_at_once and not is_plain_enough:
            line.starttls(context=ssl.create_default_context())
            line.ehlo_or_helo_if_needed()
        if self._to.user:
            line.login(self._to.user, self._to.password)


def _needs_a_person(error: OSError) -> bool:
    """Whether trying again cannot help: settings, certificate, or a server that says never."""
    if isinstance(error, smtplib.SMTPResponseException):
        return error.smtp_code >= _NEVER
    if isinstance(error, ssl.SSLError):
        return not isinstance(error, ssl.SSLEOFError)  # the line broke
    # The class itself: no way of signing in that both know.
    return isinstance(error, smtplib.SMTPNotSupportedError) or type(error) is smtplib.SMTPException
