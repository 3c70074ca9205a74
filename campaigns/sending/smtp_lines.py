"""Connections to an SMTP server: opened, signed in, kept for the next mail, and let go of when they fail."""

import queue
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import structlog

from mailplatform.aws import errors
from mailplatform.aws.errors import Verdict
from mailplatform.core.smtp_server import SmtpServer

log = structlog.get_logger(__name__)

_OK, _NEVER = 250, 500
# Older connections may have been forgotten by something in between, and asking them would take a time-out each.
IDLE_S: Final = 20.0


class Lines:
    """Lends a connection to each mail. Share it between threads."""

    def __init__(self, to: SmtpServer, *, connect_timeout: float, read_timeout: float) -> None:
        """Open nothing yet. Both times are seconds."""
        self._to = to
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._idle: queue.LifoQueue[tuple[float, smtplib.SMTP]] = queue.LifoQueue()

    @contextmanager
    def lend(self) -> Iterator[smtplib.SMTP]:
        """Lend a connection that answers; it comes back unless it was closed. Raises SesError."""
        line = self._kept() or self._open()
        try:
            yield line
        except BaseException:
            line.close()  # nobody knows what it waits for
            raise
        if line.sock is not None:
            self._idle.put((time.monotonic(), line))

    def close(self) -> None:
        """End the connections that wait for the next mail."""
        while not self._idle.empty():
            self._idle.get_nowait()[1].close()

    def _kept(self) -> smtplib.SMTP | None:
        while True:
            try:
                since, line = self._idle.get_nowait()
            except queue.Empty:
                return None
            try:
                if time.monotonic() - since < IDLE_S and line.noop()[0] == _OK:
                    return line
            except (OSError, smtplib.SMTPException):
                log.debug("smtp.idle_connection_gone")
            line.close()

    def _open(self) -> smtplib.SMTP:
        to, line = self._to, None
        try:
            line = _connect(to, self._connect_timeout)
            self._greet(line)
        except OSError as error:  # as smtplib's own errors are, too
            if line is not None:
                line.close()
            if _needs_a_person(error):
                words = f"{to.host} did not let us in: {error}"
                raise errors.RefusedCallError(Verdict.STOP, "SmtpRefused", words) from error
            raise errors.NotReachedError(f"{to.host}:{to.port}: {error}") from error
        return line

    def _greet(self, line: smtplib.SMTP) -> None:
        assert line.sock is not None
        line.sock.settimeout(self._read_timeout)
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


def _connect(to: SmtpServer, timeout: float) -> smtplib.SMTP:
    if to.tls_at_once:
        return smtplib.SMTP_SSL(to.host, to.port, timeout=timeout, context=ssl.create_default_context())
    return smtplib.SMTP(to.host, to.port, timeout=timeout)
