"""Write the rules of `<style>` into `style="…"`, and change nothing else of the author's HTML.

css-inline parses and writes whole documents, which would move Handlebars out of tables. So it is asked about a copy
without Handlebars whose elements are numbered, and only the style of each element is taken from its answer.
"""

import html
import re
from functools import lru_cache
from typing import Final

import css_inline

from .mjml_tokens import HANDLEBARS, HTML_COMMENT, whole

_HANDLEBARS: Final = HANDLEBARS.pattern
_PIECE: Final = re.compile(
    rf"(?P<kept>{HTML_COMMENT}|<(?P<opaque>style|script|title|textarea)(?=[\s/>]).*?"
    rf"(?:</(?P=opaque)(?=[\s/>])[^>]*>|\Z))|(?P<tag>{_HANDLEBARS})"
    r"|<(?P<name>[A-Za-z][\w:-]*)(?![\w:-])"
    + whole("rest", rf"(?:{_HANDLEBARS}|\"[^\"]*\"|'[^']*'|[^<>\"'])*")
    + ">",
    re.DOTALL | re.IGNORECASE,
)
_STYLE: Final = re.compile(r"(\s)style\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.IGNORECASE)
_SELECTING: Final = re.compile(r"\b(?:class|id)\s*=\s*(?:\"[^\"]*\{\{|'[^']*\{\{)", re.IGNORECASE)
# As css-inline writes its answer: every value between double quotes.
_NUMBERED: Final = re.compile(
    r"<[A-Za-z][\w:-]*(?: [^\s<>\"=]+=\"[^\"]*\")*? data-mp-n=\"(\d+)\"(?:[^<>\"]|\"[^\"]*\")*? style=\"([^\"]*)\""
)
_OWN_STYLE: Final = re.compile(r"\sstyle\s*=", re.IGNORECASE)


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
    copy, tags = _numbered_copy(source, own_rules=own_rules)
    out, end = [], 0
    styles = _styles(copy, extra_css)
    for number in sorted(styles.keys() & range(len(tags))):
        tag = tags[number]
        out += [source[end : tag.start()], _with_style(tag["name"], tag["rest"], styles[number])]
        end = tag.end()
    return "".join([*out, source[end:]])


def _is_plain(rest: str) -> bool:
    return "{{" not in rest or ("{{#" not in rest and not _SELECTING.search(rest))


def _numbered_copy(source: str, *, own_rules: bool) -> tuple[str, list[re.Match[str]]]:
    """The source without Handlebars, its start tags numbered; and these tags, in the order of their numbers."""
    out: list[str] = []
    tags: list[re.Match[str]] = []
    end = 0
    for piece in _PIECE.finditer(source):
        out.append(source[end : piece.start()])
        end = piece.end()
        if piece["name"] is not None:
            out.append(_numbered_tag(piece["name"], piece["rest"], len(tags)))
            tags.append(piece)
        elif piece["tag"] is None and (own_rules or (piece["opaque"] or "").lower() != "style"):
            out.append(piece.group())
    return "".join([*out, source[end:]]), tags


def _numbered_tag(name: str, rest: str, number: int) -> str:
    if "{{" in rest:
        if not _is_plain(rest):
            return f"<{name}>"
        style = _STYLE.search(rest)
        if style and "{{" in style.group():
            rest = _STYLE.sub("", rest)
        rest = HANDLEBARS.sub("x", rest)
    return f'<{name} data-mp-n="{number}"{rest}>'


def _styles(copy: str, extra_css: str) -> dict[int, str]:
    """The style of each numbered element for which a rule was found."""
    inliner = css_inline.CSSInliner(
        keep_style_tags=True, load_remote_stylesheets=False, extra_css=extra_css or None
    )
    untouched = css_inline.CSSInliner(
        inline_style_tags=False, keep_style_tags=True, load_remote_stylesheets=False
    )
    try:
        before = _read(untouched.inline(copy)) if _OWN_STYLE.search(copy) else {}
        after = _read(inliner.inline(copy))
    except css_inline.InlineError:
        return {}
    return {
        number: html.unescape(style)
        for number, style in after.items()
        if style and style != before.get(number)
    }


def _read(document: str) -> dict[int, str]:
    """The style of every numbered element that has one, as it is written."""
    return {int(number): style for number, style in _NUMBERED.findall(document)}


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
