"""Templates as pure functions: guard, check, compile, escape, render. No model, no network."""

from .checks import Checked, check_template
from .converting import Converted, convert, has_foreign_tags
from .data import DataBuilder, TemplateDataTooLarge
from .parser import parse_part
from .plain_text import text_from_html
from .preview import Rendered, render, render_nodes, render_stored
from .problems import Finding, Level, Part, TemplateError
from .publishing import StoredTemplate, build_stored
from .sources import Source, SourceKind, looks_like_mjml
from .variables import TemplateVariables

__all__ = [
    "Checked",
    "Converted",
    "DataBuilder",
    "Finding",
    "Level",
    "Part",
    "Rendered",
    "Source",
    "SourceKind",
    "StoredTemplate",
    "TemplateDataTooLarge",
    "TemplateError",
    "TemplateVariables",
    "build_stored",
    "check_template",
    "convert",
    "has_foreign_tags",
    "looks_like_mjml",
    "parse_part",
    "render",
    "render_nodes",
    "render_stored",
    "text_from_html",
]
