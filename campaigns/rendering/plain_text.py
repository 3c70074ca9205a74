"""Write the text part from the HTML part, keeping Handlebars tags exactly where they stand.

An HTML parser moves `{{#each}}` out of a table, so tags travel as private-use characters and come back last.
"""

import re

from inscriptis import get_text
from inscriptis.model.config import ParserConfig

from .mjml_tokens import HANDLEBARS, HTML_COMMENT, PRINTS_NOTHING
from .parser import parse_part
from .problems import Part

_MARK = re.compile("\ue000(\\d+)\ue001")
_LINK = re.compile(r"\[([^\[\]]*)\]\(([^()\s]*)\)")
_COMMENT = re.compile(HTML_COMMENT, re.DOTALL)
# Each search ends where the next one would begin: many that are never closed cost one pass.
_HEAD = re.compile(r"<(head|style|script|title)\b(?:(?!<\1\b).)*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_HIDDEN = re.compile(
    r"<div[^<>]*\bdata-preheader\b[^<>]*>(?:(?!\bdata-preheader\b).)*?</div>", re.DOTALL | re.IGNORECASE
)
# Tables in mail are layout, and text between their rows (a block tag) would be moved in front of them.
_TABLE = re.compile(r"</?(?:table|tbody|thead|tfoot|colgroup|col)\b[^>]*>", re.IGNORECASE)
_ROW = re.compile(r"<(/?)tr\b[^>]*>", re.IGNORECASE)
_CELL = re.compile(r"<t[dh]\b[^>]*>", re.IGNORECASE)
_CELL_END = re.compile(r"</t[dh]\s*>", re.IGNORECASE)
# Emphasis says nothing in plain text; without attributes (one might hide it) it need not be parsed either.
_EMPHASIS = [
    (re.compile(rf"<{name}\s", re.IGNORECASE), re.compile(rf"</?{name}>", re.IGNORECASE))
    for name in ("b", "strong", "i", "em", "u", "span")
]
_SPACES = re.compile(r"[ \t]{2,}")
# What follows the end tag is shown by mail programs all the same, so it must be read as well.
_END = re.compile(r"</(?:body|html)\s*>", re.IGNORECASE)
_BLANKS = re.compile(r"\n{3,}")


def protect(source: str) -> tuple[str, list[str]]:
    """The source for a parser: each Handlebars tag replaced by a mark, no end of the document; and the tags."""
    tags: list[str] = []

    def keep(match: re.Match[str]) -> str:
        tags.append(match.group())
        return f"\ue000{len(tags) - 1}\ue001"

    source = _END.sub("", source)
    return HANDLEBARS.sub(keep, source.replace("\ue000", "").replace("\ue001", "")), tags


def restore(marked: str, tags: list[str]) -> str:
    """The inverse of `protect`."""
    return _MARK.sub(lambda match: tags[int(match.group(1))], marked) if "\ue000" in marked else marked


def _tags_of(comment: re.Match[str]) -> str:
    """The conditions and loops that begin or end inside a comment, which Handlebars knows nothing of."""
    return "".join(tag for tag in HANDLEBARS.findall(comment.group()) if PRINTS_NOTHING.match(tag))


def _link(match: re.Match[str], tags: list[str]) -> str:
    label, target = match.group(1).strip(), match.group(2).strip()
    if not target or target.startswith("#") or restore(label, tags) == restore(target, tags):
        return label
    following = match.string[match.end() : match.end() + 1]
    gap = " " if following.isalnum() or following in {"[", "\ue000"} else ""
    return f"{label}: {target}{gap}" if label else f"{target}{gap}"


def text_from_html(source: str) -> str:
    """A readable text part: links as `label: address`, images by their alternative text.

    Empty if block tags would no longer stand in their order; then the author has to write the text part.
    """
    marked, tags = protect(_COMMENT.sub(_tags_of, _HIDDEN.sub("", _HEAD.sub("", source))))
    if not marked.strip():
        return ""
    config = ParserConfig(display_links=True, display_images=True)
    flowed = _CELL.sub(" ", _CELL_END.sub(" ", _ROW.sub(r"<\1div>", _TABLE.sub("", marked))))
    for with_attributes, tags_of_it in _EMPHASIS:
        if not with_attributes.search(flowed):
            flowed = tags_of_it.sub("", flowed)
    written = get_text(flowed, config)
    blocks = [n for n in map(int, _MARK.findall(written)) if PRINTS_NOTHING.match(tags[n])]
    if blocks != sorted(blocks):
        return ""
    text = restore(_LINK.sub(lambda match: _link(match, tags), written), tags)
    lines = [_SPACES.sub(" ", line).strip() for line in text.splitlines()]
    text = _BLANKS.sub("\n\n", "\n".join(lines)).strip()
    return text + "\n" if parse_part(text, Part.TEXT).is_valid else ""
