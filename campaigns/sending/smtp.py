"""Mail through an SMTP server instead of Amazon SES: the same requests, rendered here, handed over one by one.

What a reply proves: until the last line of a mail is on its way nobody has it, so a lost connection before that is a
retry. After it only the server's reply tells; without one the mail may have been taken, and is never sent again by
itself.
RFC 5321 §4.2.1: 2yz taken, 4yz not now, 5yz not at all; 421 ends the connection.
"""

import datetime as dt
import queue
import smtplib
import ssl
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final

import orjson
import structlog
from django.conf import settings
from django.db import connection

from mailplatform.aws import errors, ses
from mailplatform.aws.errors import Verdict
from mailplatform.core import clock
from mailplatform.core.smtp_server import SmtpServer

from .. import mime
from ..models import TemplateVersion
from ..rendering.preview import Rendered, render_stored
from ..rendering.problems import Part, TemplateError
from ..selectors import daily
from . import timing

log = structlog.get_logger(__name__)

_OK, _GO_ON, _CLOSING, _NEVER = 250, 354, 421, 500
_TAKEN: Final = frozenset({250, 251})
# The words of SES's statuses, whose verdicts the record knows.
_LATER, _SLOWER, _REFUSED, _NO_TEMPLATE = (
    "TRANSIENT_FAILURE",
    "ACCOUNT_THROTTLED",
    "MESSAGE_REJECTED",
    "TEMPLATE_NOT_FOUND",
)
_SENDER_REFUSED: Final = "MAIL_FROM_DOMAIN_NOT_VERIFIED"
_UNKNOWN: Final = ""


def server() -> SmtpServer | None:
    """Return the server that takes the place of Amazon SES; None where SES sends."""
    return SmtpServer.read(settings.SMTP_URL, settings.SMTP_PASSWORD) if settings.SMTP_URL else None


def account() -> ses.AccountState:
    """Say what may be sent: SMTP has no words for it, so the operator's settings stand for GetAccount's answer."""
    day_ago = clock.now() - dt.timedelta(days=1)
    return ses.AccountState(
        max_send_rate=settings.SMTP_RATE,
        max_24_hour_send=settings.SMTP_PER_DAY or -1.0,
        sent_last_24_hours=float(daily.sent_since(day_ago)),
        sending_enabled=True,
        production_access=True,
        enforcement_status="",
    )


class SmtpTransport:
    """Carries requests in SES's shape to an SMTP server. Share one between threads: each call has a line of its own."""

    def __init__(self, to: SmtpServer, *, connect_timeout: float, read_timeout: float) -> None:
        """Open nothing yet. Both times are seconds."""
        self._to = to
        self._connect_timeout, self._read_timeout = connect_timeout, read_timeout
        self._idle: queue.LifoQueue[smtplib.SMTP] = queue.LifoQueue()

    def bulk(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Hand over a mail to each recipient, for so long as their check is young. Raises SesError before the first."""
        template = request["DefaultContent"]["Template"]
        version = _version(template["TemplateName"])
        if version is None:
            raise errors.RefusedCallError(Verdict.STOP, _NO_TEMPLATE, template["TemplateName"])
        attached = template.get("Attachments", ())
        results: list[dict[str, str]] = []
        until = time.monotonic() + timing.CHECK_TO_SOCKET_S
        for entry in request["BulkEmailEntries"]:
            if time.monotonic() > until:
                results.append(
                    _result(_SLOWER, "the server was too slow for this call; the next one is smaller")
                )
                continue
            try:
                results.append(self._entry(request, entry, version, attached))
            except errors.SesError as error:
                if not results:
                    raise
                results.append(_result(_LATER, str(error)))
        return {"BulkEmailEntryResults": results}

    def single(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """Hand over one mail. Raises SesError."""
        content = request["Content"]
        (to,) = request["Destination"]["ToAddresses"]
        message_id = uuid.uuid4().hex
        if "Raw" in content:
            raw = bytes(content["Raw"]["Data"])
        else:
            simple = content["Simple"]
            body = simple["Body"]
            raw = mime.write(
                request,
                to=to,
                message_id=message_id,
                subject=simple["Subject"]["Data"],
                html=body.get("Html", {}).get("Data", ""),
                text=body.get("Text", {}).get("Data", ""),
                headers=simple.get("Headers", ()),
                attachments=simple.get("Attachments", ()),
            )
        result = self._hand_over(mime.sender_address(request), to, raw, message_id)
        _raise_unless_taken(result)
        return {"MessageId": message_id}

    def probe(self) -> str:
        """Connect, and return how the server introduces itself. Raises SesError."""
        with self._line() as line:
            return (line.ehlo_resp or b"").decode("utf-8", "replace").splitlines()[0]

    def close(self) -> None:
        """End the connections that wait for the next call."""
        while not self._idle.empty():
            self._idle.get_nowait().close()

    def _entry(
        self,
        request: Mapping[str, Any],
        entry: Mapping[str, Any],
        version: TemplateVersion,
        attached: list[Mapping[str, Any]],
    ) -> dict[str, str]:
        (to,) = entry["Destination"]["ToAddresses"]
        data = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
        try:
            rendered = _render(version, data)
        except TemplateError as error:
            return _result("INVALID_PARAMETER", str(error))
        message_id = uuid.uuid4().hex
        raw = mime.write(
            request,
            to=to,
            message_id=message_id,
            subject=rendered.subject,
            html=rendered.html,
            text=rendered.text,
            headers=entry.get("ReplacementHeaders", ()),
            attachments=attached,
        )
        return self._hand_over(mime.sender_address(request), to, raw, message_id)

    def _hand_over(self, sender: str, to: str, raw: bytes, message_id: str) -> dict[str, str]:
        """Raise SesError when there was no line to begin with; otherwise say what became of the mail."""
        with self._line() as line:
            try:
                refused = _offer(line, sender, to)
            except (OSError, smtplib.SMTPException) as error:
                line.close()
                return _result(_LATER, f"the connection ended before the mail: {error}")
            if refused is not None:
                return refused
            try:
                line.send(_dotted(raw))
                code, words = line.getreply()
            except (OSError, smtplib.SMTPException) as error:
                line.close()
                return _result(_UNKNOWN, f"no answer to the mail: {error}")
            if code in _TAKEN:
                return _result("SUCCESS", message_id=message_id)
            return _refusal(line, code, words, _REFUSED)

    @contextmanager
    def _line(self) -> Iterator[smtplib.SMTP]:
        """Lend a connection that answers; it goes back unless it was closed. Raises SesError."""
        line = self._kept() or self._open()
        yield line
        if line.sock is not None:
            self._idle.put(line)

    def _kept(self) -> smtplib.SMTP | None:
        while True:
            try:
                line = self._idle.get_nowait()
            except queue.Empty:
                return None
            try:
                if line.noop()[0] == _OK:
                    return line
            except (OSError, smtplib.SMTPException):
                log.debug("smtp.idle_connection_gone")
            line.close()

    def _open(self) -> smtplib.SMTP:
        to = self._to
        try:
            line = _connect(to, self._connect_timeout)
        except OSError as error:
            raise errors.NotReachedError(f"{to.host}:{to.port}: {error}") from error
        try:
            self._greet(line)
        except (smtplib.SMTPAuthenticationError, smtplib.SMTPNotSupportedError, ssl.SSLError) as error:
            line.close()
            words = f"{to.host} did not let us in: {error}"
            raise errors.RefusedCallError(Verdict.STOP, "SmtpRefused", words) from error
        except (OSError, smtplib.SMTPException) as error:
            line.close()
            raise errors.NotReachedError(f"{to.host}:{to.port}: {error}") from error
        return line

    def _greet(self, line: smtplib.SMTP) -> None:
        assert line.sock is not None
        line.sock.settimeout(self._read_timeout)
        line.ehlo()
        if not self._to.tls_at_once and (line.has_extn("starttls") or not self._to.is_local):
            line.starttls(context=ssl.create_default_context())
            line.ehlo()
        if self._to.user:
            line.login(self._to.user, self._to.password)


def _connect(to: SmtpServer, timeout: float) -> smtplib.SMTP:
    """Raise OSError, as smtplib's own errors are, too."""
    if to.tls_at_once:
        return smtplib.SMTP_SSL(to.host, to.port, timeout=timeout, context=ssl.create_default_context())
    return smtplib.SMTP(to.host, to.port, timeout=timeout)


def _offer(line: smtplib.SMTP, sender: str, to: str) -> dict[str, str] | None:
    """Name sender and recipient; None when the server waits for the mail."""
    code, words = line.mail(sender)
    if code != _OK:
        return _refusal(line, code, words, _SENDER_REFUSED)
    code, words = line.rcpt(to)
    if code not in _TAKEN:
        return _refusal(line, code, words, _REFUSED)
    code, words = line.docmd("DATA")
    return None if code == _GO_ON else _refusal(line, code, words, _REFUSED)


def _refusal(line: smtplib.SMTP, code: int, words: bytes, final: str) -> dict[str, str]:
    """Say of a reply that is no yes whether it is one for ever; the line is ready for the next mail or closed."""
    if code == _CLOSING:
        line.close()
    else:
        try:
            line.rset()
        except (OSError, smtplib.SMTPException):
            line.close()
    said = f"{code} {words.decode('utf-8', 'replace')}"
    return _result(final if code >= _NEVER else _LATER, said)


def _dotted(raw: bytes) -> bytes:
    """The mail as DATA carries it: a dot before each line's dot, and one alone at the end (RFC 5321 §4.5.2)."""
    end = b"" if raw.endswith(b"\r\n") else b"\r\n"
    stuffed = raw.replace(b"\r\n.", b"\r\n..")
    return (b"." if raw.startswith(b".") else b"") + stuffed + end + b".\r\n"


def _raise_unless_taken(result: Mapping[str, str]) -> None:
    verdict = errors.entry_verdict(result["Status"])
    if verdict is Verdict.LOST:
        raise errors.LostAnswerError(result["Error"])
    if verdict is not Verdict.ACCEPTED:
        raise errors.RefusedCallError(verdict, result["Status"], result["Error"])


def _result(status: str, error: str = "", *, message_id: str = "") -> dict[str, str]:
    return {"Status": status, "Error": error[:500], "MessageId": message_id}


@lru_cache(maxsize=64)
def _published(ses_name: str) -> TemplateVersion:
    found = TemplateVersion.objects.filter(ses_name=ses_name).order_by("pk")[:1].get()
    if not connection.in_atomic_block:
        connection.close()  # the threads that make calls need no database otherwise
    return found


def _version(ses_name: str) -> TemplateVersion | None:
    """Return what was published under that name; it never changes, so it is read once."""
    try:
        return _published(ses_name)
    except TemplateVersion.DoesNotExist:
        return None


def _render(version: TemplateVersion, data: str) -> Rendered:
    parts = {Part.SUBJECT: version.subject, Part.HTML: version.html, Part.TEXT: version.text}
    return render_stored(parts, orjson.loads(data))
