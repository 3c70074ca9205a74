"""Write the rules of `<style>` into `style="…"`, and change nothing else of the author's HTML.

css-inline parses and writes whole documents, which would move Handlebars out of tables. So it is asked about a copy
without Handlebars whose elements are numbered, and only the style of each element is taken from its answer.
"""

import html
import re
from functools import lru_cache
from typing import Final

import css_inline

_HANDLEBARS = r"\{\{!--.*?--~?\}\}|\{\{\{[^{}]*\}\}\}|\{\{[^{}]*\}\}"
_PIECE: Final = re.compile(
    rf"(?P<kept><!--.*?-->|<(?P<opaque>style|script|title|textarea)\b.*?</(?P=opaque)\s*>)|(?P<tag>{_HANDLEBARS})"
    rf"|<(?P<name>[A-Za-z][\w:-]*)(?P<rest>(?:{_HANDLEBARS}|\"[^\"]*\"|'[^']*'|[^<>\"'])*+)>",
    re.DOTALL | re.IGNORECASE,
)
_STYLE: Final = re.compile(r"(\s)style\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_SELECTING: Final = re.compile(r"\b(?:class|id)\s*=\s*(?:\"[^\"]*\{\{|'[^']*\{\{)", re.IGNORECASE)
_NUMBERED: Final = re.compile(r"<[A-Za-z][\w:-]*((?:\"[^\"]*\"|'[^']*'|[^<>\"'])*+)>")
_NUMBER: Final = re.compile(r'\bdata-mp-n="(\d+)"')


def inline_css(source: str, extra_css: str = "", *, own_rules: bool = True) -> str:
    """The HTML with its own rules, and `extra_css`, inlined. What the author wrote at an element wins.

    Without `own_rules` only `extra_css` is. Rules inside `@media` and the like stay where they are. An element
    whose classes, or whose attributes as such, depend on Handlebars is left alone. Unreadable CSS changes nothing.
    """
    if not extra_css.strip() and not re.search(r"<style\b", source, re.IGNORECASE):
        return source
    return _inlined(source, extra_css, own_rules=own_rules)


@lru_cache(maxsize=64)
def _inlined(source: str, extra_css: str, *, own_rules: bool) -> str:
    styles = _styles(_numbered_copy(source, own_rules=own_rules), extra_css)
    number = -1

    def write(match: re.Match[str]) -> str:
        nonlocal number
        if match["name"] is None:
            return match.group()
        number += 1
        if number not in styles or not _is_plain(match["rest"]):
            return match.group()
        return _with_style(match["name"], match["rest"], styles[number])

    return _PIECE.sub(write, source)


def _is_plain(rest: str) -> bool:
    return "{{#" not in rest and not _SELECTING.search(rest)


def _numbered_copy(source: str, *, own_rules: bool) -> str:
    number = -1

    def write(match: re.Match[str]) -> str:
        nonlocal number
        if match["tag"] is not None or (not own_rules and (match["opaque"] or "").lower() == "style"):
            return ""
        if match["name"] is None:
            return match.group()
        number += 1
        rest = match["rest"]
        if not _is_plain(rest):
            return f"<{match['name']}>"
        style = _STYLE.search(rest)
        if style and "{{" in style.group():
            rest = _STYLE.sub("", rest)
        rest = re.sub(_HANDLEBARS, "x", rest, flags=re.DOTALL)
        return f'<{match["name"]} data-mp-n="{number}"{rest}>'

    return _PIECE.sub(write, source)


def _styles(copy: str, extra_css: str) -> dict[int, str]:
    """The style of each numbered element for which a rule was found."""
    inliner = css_inline.CSSInliner(
        keep_style_tags=True, load_remote_stylesheets=False, extra_css=extra_css or None
    )
    untouched = css_inline.CSSInliner(
        inline_style_tags=False, keep_style_tags=True, load_remote_stylesheets=False
    )
    try:
        before, after = _read(untouched.inline(copy)), _read(inliner.inline(copy))
    except css_inline.InlineError:
        return {}
    return {number: style for number, style in after.items() if style and style != before.get(number)}


def _read(document: str) -> dict[int, str]:
    found = {}
    for match in _NUMBERED.finditer(document):
        number, style = _NUMBER.search(match[1]), _STYLE.search(match[1])
        if number and style:
            found[int(number[1])] = html.unescape(style[2] if style[2] is not None else style[3])
    return found


def _with_style(name: str, rest: str, style: str) -> str:
    own = _STYLE.search(rest)
    if own is None:
        closing = "/" if rest.endswith("/") else ""
        return f'<{name}{rest.removesuffix("/").rstrip()} style="{_quoted(style)}"{" /" if closing else ""}>'
    written = own[2] if own[2] is not None else own[3]
    if "{{" in written:
        style = f"{style.rstrip('; ')}; {written}"
        value = style.replace('"', "&quot;") if own[2] is None else style
    else:
        value = _quoted(style)
    return f'<{name}{rest[: own.start()]}{own[1]}style="{value}"{rest[own.end() :]}>'


def _quoted(style: str) -> str:
    return html.escape(style, quote=False).replace('"', "&quot;")
