"""Templates as pure functions: guard, check, compile, escape, render. No model, no network."""

from .checks import Checked, Source, check_template
from .data import DataBuilder, TemplateDataTooLarge
from .parser import parse_part
from .plain_text import text_from_html
from .preview import Rendered, render, render_nodes, render_stored
from .problems import Finding, Level, Part, TemplateError
from .publishing import StoredTemplate, build_stored
from .variables import TemplateVariables

__all__ = [
    "Checked",
    "DataBuilder",
    "Finding",
    "Level",
    "Part",
    "Rendered",
    "Source",
    "StoredTemplate",
    "TemplateDataTooLarge",
    "TemplateError",
    "TemplateVariables",
    "build_stored",
    "check_template",
    "parse_part",
    "render",
    "render_nodes",
    "render_stored",
    "text_from_html",
]
