"""Everything a template is checked for before it may be published: three levels, each finding with a remedy.

Blocking findings are those that would mail people unlawfully (no way out, no postal address), fail at SES
after it has said SUCCESS (unknown variables), or send something visibly broken (dead links, empty subject).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from . import links
from .compiling import ESCAPED_ROOT, compile_part, serialize
from .lengths import visible_length
from .nodes import Node, walk
from .parser import parse_part
from .plain_text import text_from_html
from .problems import Finding, Level, Part, TemplateError
from .sources import CompiledSource, Source, SourceKind, compile_source
from .variables import TemplateVariables, always_shown, find_variables, lines_of, root_of

CLIP_BYTES: Final = 102_000
SUBJECT_LONG: Final = 78
SUBJECT_SHORT: Final = 10
_UNSAFE_ELEMENTS: Final = ("script", "iframe", "form", "object", "embed", "video", "audio")
_SCHEMES: Final = ("https", "http", "mailto", "tel", "sms")


@dataclass(slots=True)
class Checked:
    """The compiled parts and what was found. Without blocking findings it is fit to be published."""

    subject: list[Node] = field(default_factory=list)
    html: list[Node] = field(default_factory=list)
    text: list[Node] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    text_is_generated: bool = False

    @property
    def is_valid(self) -> bool:
        """Whether nothing blocks."""
        return not any(f.is_blocking for f in self.findings)

    @property
    def variables(self) -> TemplateVariables:
        """The variables of each part."""
        return TemplateVariables(
            find_variables(self.subject), find_variables(self.html), find_variables(self.text)
        )


def check_template(source: Source, *, known: Collection[str], public_host: str = "") -> Checked:
    """Guard, compile and check all parts. `known` are the top-level names that will have a value.

    `public_host` is our own host, which may be local in a demonstration.
    """
    checked = Checked()
    checked.subject = _compile(checked, source.subject.strip(), Part.SUBJECT)
    compiled = compile_source(source)
    checked.findings += compiled.findings
    checked.html = [] if compiled.findings else _compile(checked, compiled.html, Part.HTML)
    text = source.text
    if not text.strip():
        checked.text_is_generated = True
        text = text_from_html(serialize(checked.html)) if checked.html else ""
        if checked.html and not text.strip():
            _add(
                checked,
                Level.BLOCKING,
                "no_text",
                "Write a text part: none can be made from the HTML.",
                Part.TEXT,
            )
    checked.text = _compile(checked, text, Part.TEXT)
    if not any(f.is_blocking for f in checked.findings):
        _check_subject(checked, source.subject)
        _check_required(checked)
        _check_known(checked, known, compiled)
        _check_html(checked, source, compiled, public_host)
    order = list(Level)
    checked.findings.sort(key=lambda f: (order.index(f.level), f.part or "", f.line))
    return checked


def _add(checked: Checked, level: Level, code: str, message: str, part: Part, line: int = 0) -> None:  # noqa: PLR0917
    checked.findings.append(Finding(level, code, message, part, line))


def _compile(checked: Checked, source: str, part: Part) -> list[Node]:
    parsed = parse_part(source, part)
    try:
        nodes = compile_part(parsed, part)
    except TemplateError as error:
        checked.findings += error.findings
        return []
    checked.findings += parsed.findings
    return nodes


def _check_subject(checked: Checked, subject: str) -> None:
    words = subject.strip()
    length = visible_length(words)
    if not words:
        _add(checked, Level.BLOCKING, "empty_subject", "Write a subject.", Part.SUBJECT, 1)
    elif "\n" in words or "\r" in words:
        _add(checked, Level.BLOCKING, "subject_lines", "The subject must be a single line.", Part.SUBJECT, 1)
    elif length > SUBJECT_LONG:
        message = f"The subject has {length} characters; most inboxes show fewer than {SUBJECT_LONG}."
        _add(checked, Level.WARNING, "long_subject", message, Part.SUBJECT, 1)
    elif length < SUBJECT_SHORT:
        _add(checked, Level.ADVICE, "short_subject", "A subject this short says little.", Part.SUBJECT, 1)


def _check_required(checked: Checked) -> None:
    for part, nodes in ((Part.HTML, checked.html), (Part.TEXT, checked.text)):
        if not any(True for _ in walk(nodes)):
            continue
        shown, used = always_shown(nodes), find_variables(nodes)
        for name, code, what in (
            ("unsubscribe_url", "no_unsubscribe", "an unsubscribe link"),
            ("postal_address", "no_postal_address", "your postal address"),
        ):
            if name in shown:
                continue
            where = "only inside a condition" if name in used else "missing"
            message = f"Every mail needs {what}: {{{{{name}}}}} is {where} in the {part} part."
            _add(checked, Level.BLOCKING, code, message, part)
    hrefs = [link.href for link in links.read_document(serialize(checked.html)).links]
    if "unsubscribe_url" in always_shown(checked.html) and not any("unsubscribe_url" in h for h in hrefs):
        message = '{{unsubscribe_url}} must be the address of a link, as in <a href="{{unsubscribe_url}}">.'
        _add(checked, Level.BLOCKING, "no_unsubscribe", message, Part.HTML)
    if not any(True for _ in walk(checked.html)):
        _add(checked, Level.BLOCKING, "empty_html", "The HTML part is empty.", Part.HTML, 1)


def _check_known(checked: Checked, known: Collection[str], compiled: CompiledSource) -> None:
    written = checked.html
    if compiled.guarded != compiled.html:  # MJML: the same tags, on the lines of the source
        written = compile_part(parse_part(compiled.guarded, Part.HTML), Part.HTML)
    for part, nodes in (
        (Part.SUBJECT, checked.subject),
        (Part.HTML, written),
        (Part.TEXT, checked.text),
    ):
        if part is Part.TEXT and checked.text_is_generated:
            continue
        unknown: dict[str, int] = {}
        for name, line in lines_of(nodes).items():
            if root_of(name) not in known or root_of(name) == ESCAPED_ROOT:
                unknown.setdefault(root_of(name), line)
        for name, line in unknown.items():
            message = (
                f"{{{{{name}}}}} is not known: add it as a custom field or as a variable, or correct it."
            )
            _add(checked, Level.BLOCKING, "unknown_variable", message, part, line)


def _check_html(checked: Checked, source: Source, compiled: CompiledSource, public_host: str) -> None:
    document = links.read_document(compiled.html)
    if source.kind == SourceKind.MJML:
        document = links.with_lines_of(document, source.html)
    for host in links.font_hosts(compiled.html):
        message = f"A font from {host} tells that host who opens the mail, without consent: leave it out."
        _add(checked, Level.WARNING, "remote_font", message, Part.HTML)
    for link in document.links:
        _check_link(checked, link, public_host)
    for image in document.images:
        _check_image(checked, image)
    for name in _UNSAFE_ELEMENTS:
        if name in document.elements:
            message = f"<{name}> is removed or blocked by mail programs."
            _add(checked, Level.WARNING, "unsafe_element", message, Part.HTML, document.elements[name])
    size = len(compiled.html.encode())
    if size > CLIP_BYTES:
        message = f"The HTML has {size // 1000} KB; Gmail cuts mail off after 102 KB, the way out included."
        _add(checked, Level.WARNING, "clipped", message, Part.HTML)


def _check_link(checked: Checked, link: links.Link, public_host: str) -> None:
    href, line = link.href, link.line
    if links.is_variable(href):
        return
    try:
        parts = urlsplit(href)
        host = parts.hostname or ""
    except ValueError:
        _add(checked, Level.BLOCKING, "broken_link", f"“{href[:80]}” is not an address.", Part.HTML, line)
        return
    if not href or href.startswith("#"):
        message = f"The link “{link.text[:40] or href}” leads nowhere."
        _add(checked, Level.WARNING if href else Level.BLOCKING, "empty_link", message, Part.HTML, line)
    elif parts.scheme not in _SCHEMES or (parts.scheme in ("http", "https") and not host):
        message = f"“{href[:80]}” is not a full web address: begin it with https://."
        _add(checked, Level.BLOCKING, "broken_link", message, Part.HTML, line)
    elif parts.scheme in ("http", "https") and host != public_host and links.is_local(href):
        message = f"“{href[:80]}” cannot be reached by anybody outside."
        _add(checked, Level.BLOCKING, "local_link", message, Part.HTML, line)
    elif parts.scheme == "http" and host != public_host:
        _add(
            checked,
            Level.WARNING,
            "http_link",
            f"“{href[:80]}” is not encrypted: use https.",
            Part.HTML,
            line,
        )


def _check_image(checked: Checked, image: links.Image) -> None:
    source, line = image.src, image.line
    if image.alt is None:
        message = f"The image {source[:60] or '(no address)'} has no alternative text."
        _add(checked, Level.WARNING, "no_alt", message, Part.HTML, line)
    if links.is_variable(source):
        return
    if source.startswith("data:"):
        message = "An embedded image (data:) is blocked by Gmail and Outlook: link to it instead."
        _add(checked, Level.WARNING, "data_image", message, Part.HTML, line)
    elif not source.startswith(("https://", "http://")):
        message = f"The image address “{source[:60]}” is not a full web address."
        _add(checked, Level.BLOCKING, "broken_image", message, Part.HTML, line)
    elif source.startswith("http://"):
        _add(
            checked,
            Level.WARNING,
            "http_image",
            f"“{source[:60]}” is not encrypted: use https.",
            Part.HTML,
            line,
        )
