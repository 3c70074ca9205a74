"""Answers for preview frames: a mail's own HTML, shut in by a policy of its own."""

import re

from django.http import HttpResponse
from django.utils.html import escape

from ..rendering import Rendered

# The mail's inline styles work, nothing of it runs, and nothing leaves the host unless images are asked for.
_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src {images}; frame-ancestors 'self'"
_DARK = re.compile(r"\(\s*prefers-color-scheme\s*:\s*dark\s*\)", re.IGNORECASE)
_LIGHT = re.compile(r"\(\s*prefers-color-scheme\s*:\s*light\s*\)", re.IGNORECASE)
_PAGE = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
    "<style>{style}</style></head><body>{body}</body></html>"
)
_PLAIN_STYLE = (
    "body{margin:0;padding:16px;background:#fff;color:#1c2030}"
    "pre{margin:0;white-space:pre-wrap;overflow-wrap:anywhere;font:14px/1.6 ui-monospace,Menlo,monospace}"
)
_WORDS_STYLE = "body{margin:0;padding:32px;font:15px/1.6 system-ui,sans-serif;color:#4a5068;background:#fff}"


def mail_frame(
    rendered: Rendered | None, part: str, *, images: bool = False, dark: bool = False
) -> HttpResponse:
    """The HTML or the text part for a sandboxed frame. `dark` shows it as a mail program in dark mode would."""
    if rendered is None:
        return words("Mend the errors first: then the mail is shown here.")
    if part == "text":
        return framed(
            _PAGE.format(title="Plain text", style=_PLAIN_STYLE, body=f"<pre>{escape(rendered.text)}</pre>")
        )
    return framed(in_scheme(rendered.html, dark=dark), images=images)


def in_scheme(mail: str, *, dark: bool) -> str:
    """The mail with its rules for dark mode on or off, whatever the theme of the page around it is."""
    on, off = "(min-width:0)", "(max-width:0)"
    mail = _DARK.sub(on if dark else off, mail)
    mail = _LIGHT.sub(off if dark else on, mail)
    return f"{mail}<style>:root{{color-scheme:{'dark' if dark else 'light'}}}</style>"


def framed(content: str, *, images: bool = False) -> HttpResponse:
    """Any HTML for a frame, with the frame's own policy."""
    response = HttpResponse(content)
    sources = "data: https: 'self'" if images else "data: 'self'"
    response["Content-Security-Policy"] = _POLICY.format(images=sources)
    response["Cache-Control"] = "no-store"
    return response


def words(text: str) -> HttpResponse:
    """A sentence in place of a mail."""
    return framed(_PAGE.format(title="No preview", style=_WORDS_STYLE, body=f"<p>{escape(text)}</p>"))
