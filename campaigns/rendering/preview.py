"""Render a template for the screen, as Amazon SES will, in well under a millisecond.

The Rust renderer escapes by itself and crashes on some inputs; both are kept away from it here: it only ever
gets a tree that the guard accepted, written out with `{{{…}}}`. SES's own `TestRenderEmailTemplate` is the
authority, at one call per second.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyhandlebars

from .checks import Checked
from .compiling import compile_part, serialize, to_escaped, unchanged
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
    rewrite = to_escaped if part is Part.HTML else unchanged
    return _render(serialize(nodes, rewrite, escape_off=True), part, data)


def _render(source: str, part: Part, data: Mapping[str, Any]) -> str:
    try:
        template: pyhandlebars.Template[dict[str, Any]] = pyhandlebars.Template(
            source, client=pyhandlebars.PyHandlebars(strict_mode=True)
        )
        return template.format(dict(data))
    except pyhandlebars.PyHandlebarsError as error:
        message = str(error).split(", but not provided", 1)[0]
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
    rendered = {}
    for part in Part:
        parsed = parse_part(parts[part], part)
        source = serialize(compile_part(parsed, part), escape_off=True)
        rendered[part] = _render(source, part, data)
    return Rendered(rendered[Part.SUBJECT], rendered[Part.HTML], rendered[Part.TEXT])
