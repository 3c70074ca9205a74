"""Which MJML component may stand inside which, and what cannot be read at all, each with its line.

mrml drops what it does not know without a word; so it is refused here, before.
"""

import re
from typing import Any, Final

from lxml import etree

from .mjml_tokens import HANDLEBARS, Token
from .problems import Finding, Level, Part

_COMPONENTS: Final = frozenset(
    {
        "mj-accordion",
        "mj-button",
        "mj-carousel",
        "mj-divider",
        "mj-image",
        "mj-navbar",
        "mj-raw",
        "mj-social",
        "mj-spacer",
        "mj-table",
        "mj-text",
    }
)
_SECTIONS: Final = frozenset({"mj-section", "mj-raw"})
# What may stand inside which component; one that is not named here holds nothing but words or HTML.
CHILDREN: Final[dict[str, frozenset[str]]] = {
    "mjml": frozenset({"mj-head", "mj-body"}),
    "mj-head": frozenset(
        {"mj-attributes", "mj-breakpoint", "mj-font", "mj-preview", "mj-raw", "mj-style", "mj-title"}
    ),
    "mj-attributes": frozenset(),  # holds any component, with attributes only
    "mj-body": _SECTIONS | {"mj-wrapper", "mj-hero"},
    "mj-wrapper": _SECTIONS | {"mj-hero"},
    "mj-section": frozenset({"mj-column", "mj-group", "mj-raw"}),
    "mj-group": frozenset({"mj-column", "mj-raw"}),
    "mj-column": _COMPONENTS,
    "mj-hero": _COMPONENTS,
    "mj-accordion": frozenset({"mj-accordion-element"}),
    "mj-accordion-element": frozenset({"mj-accordion-title", "mj-accordion-text"}),
    "mj-carousel": frozenset({"mj-carousel-image"}),
    "mj-navbar": frozenset({"mj-navbar-link"}),
    "mj-social": frozenset({"mj-social-element"}),
}
KNOWN: Final = frozenset(CHILDREN) | frozenset().union(*CHILDREN.values())
_DEFAULTS: Final = KNOWN | {"mj-all", "mj-class"}


def _fail(findings: list[Finding], line: int, code: str, message: str) -> None:
    findings.append(Finding(Level.BLOCKING, code, message, Part.HTML, line))


def check_structure(marked: str, tokens: list[Token]) -> list[Finding]:
    """What is wrong with a document whose contents were replaced by words; `tokens` are those of its source."""
    findings: list[Finding] = []
    for token in tokens:
        if token.leftover and HANDLEBARS.search(token.leftover):
            words = f"A tag between the attributes of <{token.name}> would be lost: put it into a value."
            _fail(findings, token.line, "lost_tag", words)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        root = etree.fromstring(marked.encode(), parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno or 1
        _fail(findings, line, "mjml_syntax", _words(error.msg or "This is not well-formed MJML."))
        return findings
    if root.tag != "mjml":
        _fail(findings, 1, "mjml_root", "MJML begins with <mjml> and ends with </mjml>.")
        return findings
    if root.find("mj-body") is None:
        _fail(findings, 1, "mjml_root", "There is no <mj-body> in <mjml>.")
    _check_children(findings, root)
    return findings


def _words(message: str) -> str:
    """libxml2's sentence without its position, which the finding has."""
    message = re.sub(r",? line \d+, column \d+.*$", "", message)
    match = re.match(r"Opening and ending tag mismatch: (\S+) line (\d+) and (\S+)", message)
    if match:
        return f"</{match[3]}> does not match <{match[1]}> of line {match[2]}."
    return f"This is not well-formed: {message}."


def _line(element: Any) -> int:
    return int(element.sourceline or 0)


def _check_children(findings: list[Finding], parent: etree._Element) -> None:
    name = str(parent.tag)
    allowed = _DEFAULTS if name == "mj-attributes" else CHILDREN.get(name, frozenset())
    for child in parent:
        line, tag = _line(child), str(child.tag)
        if tag == "mj-include":
            _fail(findings, line, "mjml_include", "<mj-include> is not supported: paste the part here.")
        elif tag not in _DEFAULTS:
            _fail(findings, line, "mjml_unknown", f"<{tag}> is not a component of MJML.")
        elif tag not in allowed:
            words = "Handlebars" if tag == "mj-raw" else f"<{tag}>"
            _fail(
                findings,
                line,
                "mjml_place",
                f"{words} cannot stand directly inside <{name}>: it would be lost.",
            )
        elif tag == "mj-social-element" and not child.get("src"):
            words = "This icon needs an address of its own (src): there are none that strangers do not watch."
            _fail(findings, line, "mjml_icon", words)
        elif name != "mj-attributes":
            _check_children(findings, child)
    if name in CHILDREN:
        for text, owner in [(parent.text, parent), *[(child.tail, child) for child in parent]]:
            if text and text.strip():
                words = (
                    f"“{text.strip()[:40]}” stands outside of any component and would be lost: use <mj-text>."
                )
                _fail(findings, _line(owner), "mjml_text", words)
