"""Mail through an SMTP server instead of Amazon SES: the same requests, rendered here, handed over one by one.

What a reply proves: before the mail itself is on its way nobody has it, so a lost connection is a retry until then.
After it only the server's reply tells; without one that is understood the mail may have been taken, and is never sent
again by itself.
RFC 5321 §4.2.1: 2yz taken, 4yz not now, 5yz not at all, whatever the other digits; 421 ends the connection.
"""

import datetime as dt
import math
import queue
import re
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
from django.db import InterfaceError, OperationalError, connection

from mailplatform.aws import errors, ses
from mailplatform.aws.errors import Verdict
from mailplatform.core import clock
from mailplatform.core.smtp_server import SmtpServer

from .. import mime
from ..models import TemplateVersion
from ..rendering.preview import Rendered, render_stored
from ..rendering.problems import Part, TemplateError
from ..selectors import daily

log = structlog.get_logger(__name__)

_OK, _GO_ON, _CLOSING, _NEVER = 250, 354, 421, 500
_YES: Final = range(200, 300)
_NO: Final = range(400, 600)
_LINE_END: Final = re.compile(rb"\r\n|\r|\n")
# Older connections may have been forgotten by something in between, and asking them would take a time-out each.
IDLE_S: Final = 20.0
# The words of SES's statuses, whose verdicts the record knows.
_LATER, _SLOWER, _REFUSED, _NO_TEMPLATE = (
    "TRANSIENT_FAILURE",
    "ACCOUNT_THROTTLED",
    "MESSAGE_REJECTED",
    "TEMPLATE_NOT_FOUND",
)
_SENDER_REFUSED: Final = "MAIL_FROM_DOMAIN_NOT_VERIFIED"
_UNKNOWN: Final = ""
# After these the rest of a call waits: nobody may get into the same trouble.
_ENDS_CALL: Final = frozenset({Verdict.LOST, Verdict.STOP, Verdict.THROTTLED})


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
        self._idle: queue.LifoQueue[tuple[float, smtplib.SMTP]] = queue.LifoQueue()

    def bulk(self, request: dict[str, Any], until: float = math.inf, /) -> Mapping[str, Any]:
        """Hand over a mail to each recipient, for so long as their check is young. Raises SesError before the first.

        The call ends with the first mail of which nobody knows, and where the server wants less or another sender.
        """
        template = request["DefaultContent"]["Template"]
        version = _version(template["TemplateName"])
        if version is None:
            raise errors.RefusedCallError(Verdict.STOP, _NO_TEMPLATE, template["TemplateName"])
        attached = template.get("Attachments", ())
        results: list[dict[str, str]] = []
        why = ""
        for entry in request["BulkEmailEntries"]:
            if why:
                results.append(_result(_SLOWER, why))
                continue
            try:
                result = self._entry(request, entry, version, attached, until=until)
            except errors.SesError as error:
                if not results:
                    raise
                result = _result(_SLOWER, str(error))
            results.append(result)
            if errors.entry_verdict(result["Status"]) in _ENDS_CALL:
                why = f"not handed over after: {result['Error']}"
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
        result = self._hand_over(mime.sender_address(request), to, raw, message_id, until=math.inf)
        _raise_unless_taken(result)
        return {"MessageId": message_id}

    def probe(self) -> str:
        """Connect, and return how the server introduces itself. Raises SesError."""
        with self._line() as line:
            said = (line.helo_resp or line.ehlo_resp or b"").decode("utf-8", "replace")
            return said.partition("\n")[0] or self._to.host

    def close(self) -> None:
        """End the connections that wait for the next call."""
        while not self._idle.empty():
            self._idle.get_nowait()[1].close()

    def _entry(
        self,
        request: Mapping[str, Any],
        entry: Mapping[str, Any],
        version: TemplateVersion,
        attached: list[Mapping[str, Any]],
        *,
        until: float,
    ) -> dict[str, str]:
        (to,) = entry["Destination"]["ToAddresses"]
        data = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
        message_id = uuid.uuid4().hex
        try:
            rendered = _render(version, data)
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
        except (TemplateError, ValueError) as error:
            return _result("INVALID_PARAMETER", str(error))
        return self._hand_over(mime.sender_address(request), to, raw, message_id, until=until)

    def _hand_over(
        self, sender: str, to: str, raw: bytes, message_id: str, *, until: float
    ) -> dict[str, str]:
        """Raise SesError when there was no line to begin with; otherwise say what became of the mail."""
        with self._line() as line:
            if time.monotonic() > until:  # also where the connection took so long
                return _result(_SLOWER, "the server was too slow for this call; the next one is smaller")
            try:
                refused = _offer(line, sender, to)
            except (OSError, smtplib.SMTPException) as error:
                line.close()
                return _result(_LATER, f"the connection ended before the mail: {error}")
            if refused is not None:
                return refused
            return _send(line, raw, message_id)

    @contextmanager
    def _line(self) -> Iterator[smtplib.SMTP]:
        """Lend a connection that answers; it goes back unless it was closed. Raises SesError."""
        line = self._kept() or self._open()
        try:
            yield line
        except BaseException:
            line.close()  # nobody knows what it waits for
            raise
        if line.sock is not None:
            self._idle.put((time.monotonic(), line))

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


def _offer(line: smtplib.SMTP, sender: str, to: str) -> dict[str, str] | None:
    """Name sender and recipient; None when the server waits for the mail."""
    code, words = line.mail(sender)
    if code not in _YES:  # says nothing about the person, who is not named yet
        return _refusal(line, code, words, _SENDER_REFUSED, later=_SLOWER)
    code, words = line.rcpt(to)
    if code not in _YES:
        return _refusal(line, code, words, _REFUSED)
    code, words = line.docmd("DATA")
    return None if code == _GO_ON else _refusal(line, code, words, _REFUSED)


def _send(line: smtplib.SMTP, raw: bytes, message_id: str) -> dict[str, str]:
    """Hand over the mail itself."""
    try:
        line.send(_dotted(raw))
        code, words = line.getreply()
    except (OSError, smtplib.SMTPException) as error:
        line.close()
        return _result(_UNKNOWN, f"no answer to the mail: {error}")
    if code in _YES:
        return _result("SUCCESS", message_id=message_id)
    if code not in _NO:
        line.close()
        return _result(_UNKNOWN, f"an answer that says neither yes nor no: {_said(code, words)}")
    return _refusal(line, code, words, _REFUSED)


def _refusal(
    line: smtplib.SMTP, code: int, words: bytes, final: str, *, later: str = _LATER
) -> dict[str, str]:
    """Say of a reply that is no yes whether it is one for ever; the line is ready for the next mail or closed."""
    try:
        if code == _CLOSING or code not in _NO or line.rset()[0] != _OK:
            line.close()
    except (OSError, smtplib.SMTPException):
        line.close()
    return _result(final if code >= _NEVER else later, _said(code, words))


def _said(code: int, words: bytes) -> str:
    return f"{code} {words.decode('utf-8', 'replace')}"


def _dotted(raw: bytes) -> bytes:
    """The mail as DATA carries it: a dot before each line's dot, and one alone at the end (RFC 5321 §4.5.2).

    No line ends otherwise than by CR LF: some servers would see the end of the mail, and another one after it.
    """
    wired = _LINE_END.sub(b"\r\n", raw)
    end = b"" if wired.endswith(b"\r\n") else b"\r\n"
    stuffed = wired.replace(b"\r\n.", b"\r\n..")
    return (b"." if wired.startswith(b".") else b"") + stuffed + end + b".\r\n"


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
    was_open = connection.connection is not None
    found = TemplateVersion.objects.filter(ses_name=ses_name).order_by("pk")[:1].get()
    if not was_open:
        connection.close()  # the threads that make calls need no database otherwise
    return found


def _version(ses_name: str) -> TemplateVersion | None:
    """Return what was published under that name; it never changes, so it is read once. Raises SesError."""
    try:
        return _published(ses_name)
    except TemplateVersion.DoesNotExist:
        return None
    except (OperationalError, InterfaceError) as error:
        raise errors.SesError(Verdict.RETRY, "NotSent", f"the database is away: {error}") from error


def _render(version: TemplateVersion, data: str) -> Rendered:
    parts = {Part.SUBJECT: version.subject, Part.HTML: version.html, Part.TEXT: version.text}
    return render_stored(parts, orjson.loads(data))
