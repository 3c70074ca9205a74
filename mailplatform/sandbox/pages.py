"""The mailbox for human eyes: a list and one page per mail. No script, no request to anywhere else."""

from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from . import mime
from .control import read_filter
from .core import Sandbox
from .errors import ApiError
from .message import Message
from .wire import Request, Response

_CSS = Path(__file__).parent / "assets" / "mailbox.css"
_CSP = (
    "default-src 'none'; style-src 'self'; img-src data:; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
# The mail itself: its own styles, no script, and no remote image, so that looking is not opening.
_MAIL_CSP = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
    "sandbox allow-popups allow-popups-to-escape-sandbox"
)
_VIEWS = {"html": "Rendered", "text": "Text", "headers": "Headers", "raw": "Raw"}
_HTML = "text/html; charset=utf-8"


class Pages:
    """Renders pages below ``/mailbox``."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def handle(self, request: Request) -> Response:
        """Answer a GET below ``/mailbox``."""
        parts = request.path.strip("/").split("/")[1:]
        if request.method not in {"GET", "HEAD"}:
            raise ApiError("MethodNotAllowed", "pages are only read", 405)
        if parts == ["mailbox.css"]:
            return Response(200, _CSS.read_bytes(), "text/css; charset=utf-8")
        if not parts:
            return _page("Mailbox", self._list(request))
        message = self._sandbox.mailbox.get(parts[0])
        if message is None:
            body = '<p class="empty">There is no such mail. <a href="/mailbox">Back to the mailbox</a></p>'
            return _page("Not found", body, 404)
        if parts[1:] == ["html"]:
            head = {"Content-Security-Policy": _MAIL_CSP, "Referrer-Policy": "no-referrer"}
            return Response(200, f'<base target="_blank">{message.html or ""}'.encode(), _HTML, head)
        return _page(message.subject or "(no subject)", self._mail(message, request.first("view", "html")))

    def _list(self, request: Request) -> str:
        wanted = read_filter(request)
        wanted.newest_first = True
        mails = self._sandbox.mailbox.find(wanted)
        total = self._sandbox.mailbox.count(wanted)
        if not mails:
            hint = "No mail matches." if request.query_string else "No mail yet. Send one to this sandbox."
            return _search(wanted.to) + f'<p class="empty">{hint}</p>'
        rows = "".join(_row(mail) for mail in mails)
        head = "<tr><th>To</th><th>Subject</th><th>State</th><th>Received (UTC)</th></tr>"
        table = f"<table><thead>{head}</thead><tbody>{rows}</tbody></table>"
        left = total - len(mails)
        older = ""
        if left > 0:
            terms = {name: values[0] for name, values in request.query.items() if name != "after"}
            query = urlencode({**terms, "after": mails[-1]["position"]})
            older = f'<p class="more"><a href="/mailbox?{escape(query)}">Older mail ({left})</a></p>'
        return (
            f'{_search(wanted.to)}<p class="count">{total} mail{"s" if total != 1 else ""}</p>{table}{older}'
        )

    def _mail(self, message: Message, view: str) -> str:
        view = view if view in _VIEWS else "html"
        base = f"/mailbox/{quote(message.id)}"
        tabs = "".join(
            f'<a href="{base}?view={name}"{" aria-current=page" if name == view else ""}>{label}</a>'
            for name, label in _VIEWS.items()
        )
        state = self._sandbox.mailbox.state(message.id)
        facts = {
            "From": message.source,
            "To": ", ".join(message.destination),
            "Received": _time(message.sent_at),
            "Configuration set": message.configuration_set or "none",
            "Tags": ", ".join(
                f"{name}={values[0]}" for name, values in message.tags.items() if ":" not in name
            ),
        }
        if message.failure:
            facts["Failure"] = message.failure
        listed = "".join(
            f"<dt>{name}</dt><dd>{escape(value) or 'none'}</dd>" for name, value in facts.items()
        )
        return (
            f'<p><a href="/mailbox">← Mailbox</a></p><h1>{_subject(message.subject)} {_badge(state)}</h1>'
            f'<dl>{listed}</dl><nav class="tabs" aria-label="Views of this mail">{tabs}</nav>'
            f"{_view(message, view, base)}"
        )


def _view(message: Message, view: str, base: str) -> str:
    if view == "headers":
        pairs = mime.wire_headers(message)
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in pairs)
        return f'<table class="headers"><tbody>{rows}</tbody></table>'
    if view == "raw":
        link = f'<p><a href="/_sandbox/api/messages/{quote(message.id)}/raw">Download</a></p>'
        return f'{link}<pre tabindex="0">{escape(mime.build(message).decode(errors="replace"))}</pre>'
    if view == "text" or message.html is None:
        return f'<pre tabindex="0">{escape(message.text or "This mail has no text part.")}</pre>'
    rights = "allow-popups allow-popups-to-escape-sandbox"
    return f'<iframe src="{base}/html" sandbox="{rights}" title="The mail"></iframe>'


def _search(term: str) -> str:
    clear = '<a href="/mailbox">Show all</a>' if term else ""
    return (
        '<h1>Mailbox</h1><form method="get" action="/mailbox" role="search"><label for="to">Recipient</label>'
        f'<input id="to" name="to" type="search" value="{escape(term)}" placeholder="address or part of it">'
        f"<button>Search</button>{clear}</form>"
    )


def _row(mail: dict[str, Any]) -> str:
    link = f"/mailbox/{quote(mail['id'])}"
    return (
        f'<tr><td data-label="To">{escape(", ".join(mail["to"]))}</td>'
        f'<td data-label="Subject"><a href="{link}">{_subject(mail["subject"])}</a></td>'
        f'<td data-label="State">{_badge(mail["state"])}</td>'
        f'<td data-label="Received">{_time(mail["sent_at"])}</td></tr>'
    )


def _subject(text: str) -> str:
    return escape(text or "(no subject)")


def _badge(state: str) -> str:
    return f'<span class="badge {escape(state)}">{escape(state.replace("_", " "))}</span>'


def _time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M:%S}"


def _page(title: str, body: str, status: int = 200) -> Response:
    text = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(title)} · mailplatform sandbox</title>"
        '<link rel="stylesheet" href="/mailbox/mailbox.css"></head><body>'
        '<header><a href="/mailbox">mailplatform sandbox</a> '
        "<span>Nothing here leaves this machine.</span></header>"
        f"<main>{body}</main></body></html>"
    )
    return Response(status, text.encode(), _HTML, {"Content-Security-Policy": _CSP})
