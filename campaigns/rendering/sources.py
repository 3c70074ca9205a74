"""What an author writes, and how the HTML part comes of it: MJML is compiled, own HTML has its styles inlined.

The source itself is never changed. Lines of findings are those of the source, whichever kind it is.
"""

import html
import re
from dataclasses import dataclass, field
from enum import StrEnum

from .inlining import inline_css
from .mjml import compile_mjml
from .parser import MAX_BYTES
from .problems import Finding
from .quoting import quote_values

_BODY = re.compile(r"<body\b[^>]*>", re.IGNORECASE)


class SourceKind(StrEnum):
    """What the source of the HTML part is written in."""

    HTML = "html"
    MJML = "mjml"


@dataclass(frozen=True, slots=True)
class Source:
    """The parts as the author wrote them; `html` is HTML or MJML. An empty `text` is written from it."""

    subject: str
    html: str
    text: str = ""
    preheader: str = ""
    kind: str = SourceKind.HTML


@dataclass(slots=True)
class CompiledSource:
    """The HTML part before personalisation. `guarded` has the source's lines and the HTML's Handlebars."""

    html: str
    guarded: str
    findings: list[Finding] = field(default_factory=list)


def compile_source(source: Source) -> CompiledSource:
    """The HTML part of a source, its preheader put in. Never raises for bad input: look at `findings`."""
    if source.kind == SourceKind.MJML and source.html.strip():
        compiled = compile_mjml(source.html)
        page = insert_preheader(quote_values(compiled.html), source.preheader or compiled.preheader)
        return CompiledSource(page, compiled.guarded, compiled.findings)
    is_small = len(source.html) <= MAX_BYTES  # what is larger is refused later; it need not be inlined before
    page = inline_css(quote_values(source.html)) if is_small else source.html
    page = insert_preheader(page, source.preheader)
    return CompiledSource(page, page)


def looks_like_mjml(source: str) -> bool:
    """Whether a pasted or uploaded source is MJML rather than HTML."""
    return re.search(r"<mjml\b", source[:20_000]) is not None


def preheader_html(preheader: str) -> str:
    """The hidden first line that inboxes show after the subject. Empty without a preheader."""
    if not preheader.strip():
        return ""
    words = html.escape(" ".join(preheader.split()), quote=False)
    hidden = "display:none;max-height:0;overflow:hidden;mso-hide:all;font-size:1px;line-height:1px;opacity:0"
    return f'<div data-preheader style="{hidden}">{words}</div>'


def insert_preheader(source: str, preheader: str) -> str:
    """The HTML with the hidden first line right after `<body …>`, or at the start where there is none."""
    hidden = preheader_html(preheader)
    if not hidden:
        return source
    body = _BODY.search(source)
    at = body.end() if body else 0
    return source[:at] + hidden + source[at:]
