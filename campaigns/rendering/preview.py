"""Render a template for the screen as Amazon SES will: only ever a tree that the guard accepted.

SES's own `TestRenderEmailTemplate` is the authority, at one call per second; a test holds the two together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from . import interpreting
from .checks import Checked
from .compiling import Rewrite, compile_part, to_escaped, unchanged
from .nodes import Node
from .parser import parse_part
from .problems import Finding, Level, Part, TemplateError


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail as one recipient would get it."""

    subject: str
    html: str
    text: str


def render_nodes(nodes: list[Node], part: Part, data: Mapping[str, Any]) -> str:
    """Render a compiled part with data of `DataBuilder.as_dict`. `TemplateError` if a variable is missing."""
    return _run(nodes, part, to_escaped if part is Part.HTML else unchanged, data)


def _run(nodes: list[Node], part: Part, rewrite: Rewrite, data: Mapping[str, Any]) -> str:
    try:
        return interpreting.run(nodes, rewrite, data)
    except interpreting.MissingValueError as error:
        message = f"{{{{{error}}}}} has no value."
        raise TemplateError([Finding(Level.BLOCKING, "render_failed", message, part)]) from error


def render(checked: Checked, data: Mapping[str, Any]) -> Rendered:
    """Render all parts of a checked template. `TemplateError` when something blocks or is missing."""
    blocking = [f for f in checked.findings if f.is_blocking]
    if blocking and not (checked.html or checked.text):
        raise TemplateError(blocking)
    return Rendered(
        subject=" ".join(render_nodes(checked.subject, Part.SUBJECT, data).split()),
        html=render_nodes(checked.html, Part.HTML, data),
        text=render_nodes(checked.text, Part.TEXT, data),
    )


def render_stored(parts: Mapping[Part, str], data: Mapping[str, Any]) -> Rendered:
    """Render parts that are already in the stored form, whose HTML reads `html.…` by itself."""
    subject, html, text = (_run(_tree(parts[part], part), part, unchanged, data) for part in Part)
    return Rendered(subject, html, text)


@lru_cache(maxsize=64)
def _tree(stored: str, part: Part) -> list[Node]:
    return compile_part(parse_part(stored, part), part)
