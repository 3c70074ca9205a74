"""Mail through an SMTP server instead of Amazon SES: the same requests, rendered here, handed over one by one."""

import datetime as dt
import math
import time
import uuid
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import orjson
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
from . import smtp_lines, smtp_talk, timing

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
        self._patience = connect_timeout + read_timeout
        self._lines = smtp_lines.Lines(to, connect_timeout=connect_timeout, read_timeout=read_timeout)

    def bulk(self, request: dict[str, Any], until: float = math.inf, /) -> Mapping[str, Any]:
        """Hand over a mail to each recipient, for so long as their check is young. Raises SesError before the first.

        All is over before the call's lease ends. The call ends with the first mail of which nobody knows, and where the
        server wants less or another sender.
        """
        template = request["DefaultContent"]["Template"]
        version = _version(template["TemplateName"])
        if version is None:
            raise errors.RefusedCallError(Verdict.STOP, "TEMPLATE_NOT_FOUND", template["TemplateName"])
        attached = template.get("Attachments", ())
        results: list[dict[str, str]] = []
        why, over = "", self._over(until)
        for entry in request["BulkEmailEntries"]:
            if why:
                results.append(smtp_talk.result(smtp_talk.SLOWER, why))
                continue
            try:
                result = self._entry(request, entry, version, attached, until=until, over=over)
            except errors.SesError as error:
                if not results:
                    raise
                result = smtp_talk.result(smtp_talk.SLOWER, str(error))
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
        result = self._hand_over(
            mime.sender_address(request), to, raw, message_id, until=math.inf, over=self._over()
        )
        _raise_unless_taken(result)
        return {"MessageId": message_id}

    def probe(self) -> str:
        """Connect, and return how the server introduces itself. Raises SesError."""
        with self._lines.lend(until=self._over()) as line:
            said = (line.helo_resp or line.ehlo_resp or b"").decode("utf-8", "replace")
            return said.partition("\n")[0] or self._to.host

    def close(self) -> None:
        """End the connections that wait for the next call."""
        self._lines.close()

    def _entry(
        self,
        request: Mapping[str, Any],
        entry: Mapping[str, Any],
        version: TemplateVersion,
        attached: list[Mapping[str, Any]],
        *,
        until: float,
        over: float,
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
            return smtp_talk.result("INVALID_PARAMETER", str(error))
        sender = mime.sender_address(request)
        return self._hand_over(sender, to, raw, message_id, until=until, over=over)

    def _over(self, until: float = math.inf) -> float:
        """Return when a conversation must be over of which no mail begins after `until`.

        Counted from the check of the people, as the lease is: connecting and one answer, like a call to Amazon.
        """
        return min(time.monotonic(), until - timing.CHECK_TO_SOCKET_S) + self._patience

    def _hand_over(
        self, sender: str, to: str, raw: bytes, message_id: str, *, until: float, over: float
    ) -> dict[str, str]:
        """Raise SesError when there was no line to begin with; otherwise say what became of the mail."""
        with self._lines.lend(until=over) as line:
            if time.monotonic() > until:  # also where the connection took so long
                words = "the server was too slow for this call; the next one is smaller"
                return smtp_talk.result(smtp_talk.SLOWER, words)
            return smtp_talk.hand_over(line, sender, to, raw, message_id)


def _raise_unless_taken(result: Mapping[str, str]) -> None:
    verdict = errors.entry_verdict(result["Status"])
    if verdict is Verdict.LOST:
        raise errors.LostAnswerError(result["Error"])
    if verdict is not Verdict.ACCEPTED:
        raise errors.RefusedCallError(verdict, result["Status"], result["Error"])


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
