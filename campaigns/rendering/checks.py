"""Everything a template is checked for before it may be published: three levels, each finding with a remedy.

Blocking findings are those that would mail people unlawfully (no way out, no postal address), fail at SES
after it has said SUCCESS (unknown variables), or send something visibly broken (dead links, empty subject).
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from . import links
from .compiling import ESCAPED_ROOT, compile_part, serialize
from .lengths import visible_length
from .markup_checks import check_markup
from .nodes import Node, walk
from .parser import parse_part
from .plain_text import text_from_html
from .problems import Finding, Level, Part, TemplateError
from .quoting import loose_values
from .sources import CompiledSource, Source, SourceKind, compile_source
from .variables import TemplateVariables, always_shown, find_variables, lines_of, root_of

SUBJECT_LONG: Final = 78
SUBJECT_SHORT: Final = 10
_OPENING: Final = ("\u202a\u202b\u202d\u202e", "\u2066\u2067\u2068")


def _no_variables() -> TemplateVariables:
    return TemplateVariables(frozenset(), frozenset(), frozenset())


@dataclass(slots=True)
class Checked:
    """The compiled parts, their variables and what was found. Without blocking findings it is fit to be published."""

    subject: list[Node] = field(default_factory=list)
    html: list[Node] = field(default_factory=list)
    text: list[Node] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    text_is_generated: bool = False
    variables: TemplateVariables = field(default_factory=_no_variables)

    @property
    def is_valid(self) -> bool:
        """Whether nothing blocks."""
        return not any(f.is_blocking for f in self.findings)

    def add(self, level: Level, code: str, message: str, part: Part, *, line: int = 0) -> None:
        """Note a finding."""
        self.findings.append(Finding(level, code, message, part, line))


def check_template(source: Source, *, known: Collection[str], public_host: str = "") -> Checked:
    """Guard, compile and check all parts. `known` are the top-level names that will have a value.

    `public_host` is our own host, which may be local in a demonstration. Equal questions get the same answer back:
    read it, never change it.
    """
    return _check(source, frozenset(known), public_host)


# An editor asks again and again about one mail: as somebody else, darker, narrower, as plain text.
@lru_cache(maxsize=16)
def _check(source: Source, known: frozenset[str], public_host: str) -> Checked:
    checked = Checked()
    checked.subject = _compile(checked, source.subject.strip(), Part.SUBJECT)
    compiled = compile_source(source)
    checked.findings += compiled.findings
    checked.html = [] if compiled.findings else _compile(checked, compiled.html, Part.HTML)
    _check_text(checked, source.text)
    checked.variables = TemplateVariables(
        find_variables(checked.subject), find_variables(checked.html), find_variables(checked.text)
    )
    if checked.is_valid:
        _check_subject(checked, source.subject)
        document = links.read_document(compiled.html)
        has_partials = bool(parse_part(compiled.html, Part.HTML).partials)
        _check_required(checked, links.read_document(serialize(checked.html)) if has_partials else document)
        _check_known(checked, known, compiled)
        _check_places(checked, compiled)
        if source.kind == SourceKind.MJML:
            document = links.with_lines_of(document, source.html)
        checked.findings += check_markup(document, compiled.html, public_host)
    order = list(Level)
    checked.findings.sort(key=lambda f: (order.index(f.level), f.part or "", f.line))
    return checked


def _check_text(checked: Checked, text: str) -> None:
    if not text.strip():
        checked.text_is_generated = True
        text = text_from_html(serialize(checked.html)) if checked.html else ""
        if checked.html and not text.strip():
            message = "Write a text part: none can be made from the HTML."
            checked.add(Level.BLOCKING, "no_text", message, Part.TEXT)
    checked.text = _compile(checked, text, Part.TEXT)


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
        checked.add(Level.BLOCKING, "empty_subject", "Write a subject.", Part.SUBJECT, line=1)
    elif "\n" in words or "\r" in words:
        checked.add(
            Level.BLOCKING, "subject_lines", "The subject must be a single line.", Part.SUBJECT, line=1
        )
    elif _leaves_direction_open(words):
        message = "A mark in the subject turns the direction of writing and never back: take it out."
        checked.add(Level.WARNING, "open_direction", message, Part.SUBJECT, line=1)
    elif length > SUBJECT_LONG:
        message = f"The subject has {length} characters; most inboxes show fewer than {SUBJECT_LONG}."
        checked.add(Level.WARNING, "long_subject", message, Part.SUBJECT, line=1)
    elif length < SUBJECT_SHORT:
        checked.add(Level.ADVICE, "short_subject", "A subject this short says little.", Part.SUBJECT, line=1)


def _leaves_direction_open(words: str) -> bool:
    """Whether an embedding, override or isolate of Unicode's bidirectional algorithm (UAX 9) is never closed."""
    embeddings, isolates = (sum(words.count(mark) for mark in marks) for marks in _OPENING)
    return embeddings > words.count("\u202c") or isolates > words.count("\u2069")


def _check_required(checked: Checked, document: links.Document) -> None:
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
            checked.add(Level.BLOCKING, code, message, part)
    is_link = any("unsubscribe_url" in link.href for link in document.links)
    if "unsubscribe_url" in always_shown(checked.html) and not is_link:
        message = '{{unsubscribe_url}} must be the address of a link, as in <a href="{{unsubscribe_url}}">.'
        checked.add(Level.BLOCKING, "no_unsubscribe", message, Part.HTML)
    if not any(True for _ in walk(checked.html)):
        checked.add(Level.BLOCKING, "empty_html", "The HTML part is empty.", Part.HTML, line=1)


def _check_places(checked: Checked, compiled: CompiledSource) -> None:
    for value, line in loose_values(compiled.guarded):
        message = f'{value} stands in a tag, but in no value: put it between quotes, as in title="{value}".'
        checked.add(Level.BLOCKING, "loose_value", message, Part.HTML, line=line)


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
            checked.add(Level.BLOCKING, "unknown_variable", message, part, line=line)
