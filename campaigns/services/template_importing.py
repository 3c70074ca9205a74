"""Bring a template from elsewhere: a pasted or uploaded source, and the tags of other products in a draft."""

from dataclasses import dataclass, field
from typing import Any, Final

from mailplatform.accounts.models import User

from ..models import Template
from ..rendering import SourceKind, convert, has_foreign_tags, looks_like_mjml
from . import templates

MAX_UPLOAD_BYTES: Final = 2_000_000
CONVERTED_PARTS: Final = ("subject", "preheader", "html", "text")


class UnreadableSource(ValueError):
    """The uploaded file is not text, or larger than a mail can be."""


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion did: the new content, how many tags, and those that were left alone."""

    content: dict[str, Any]
    converted: int
    unknown: list[tuple[str, int]] = field(default_factory=list)

    @property
    def words(self) -> str:
        """One sentence for the page."""
        done = f"{self.converted} tag{'' if self.converted == 1 else 's'} of another product converted."
        if not self.unknown:
            return done
        left = "; ".join(f"{tag} (line {line})" for tag, line in self.unknown[:5])
        return f"{done} {len(self.unknown)} left as they were, please write them anew: {left}"


def read_upload(content: bytes) -> str:
    """The text of an uploaded file, in UTF-8, UTF-16 with its mark, or Latin-1. Raises `UnreadableSource`."""
    if len(content) > MAX_UPLOAD_BYTES:
        raise UnreadableSource(
            f"This file is larger than {MAX_UPLOAD_BYTES // 1_000_000} MB; no mail may be."
        )
    if b"\x00" in content and not content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableSource("This file is no text: save it as HTML or MJML.")
    for encoding in ("utf-16" if content.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "cp1252"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableSource("The characters of this file cannot be read: save it as UTF-8.")


def has_foreign(content: dict[str, Any]) -> bool:
    """Whether any part holds tags of another product."""
    return any(has_foreign_tags(str(content.get(part, ""))) for part in CONVERTED_PARTS)


def convert_content(content: dict[str, Any], defaults: dict[str, Any]) -> Conversion:
    """Convert all parts. Stand-ins that tags carried become defaults unless the template has its own."""
    changed, found, count, unknown = dict(content), dict(defaults), 0, []
    for part in CONVERTED_PARTS:
        result = convert(str(content.get(part, "")))
        changed[part] = result.source
        count += result.converted
        unknown += result.unknown
        for name, value in result.defaults.items():
            found[name] = found.get(name) or value
    return Conversion({**changed, "defaults": found}, count, unknown)


def import_template(*, actor: User | None, name: str, source: str) -> tuple[Template, Conversion]:
    """Create a template from MJML or HTML, its foreign tags converted.

    Raises `templates.TemplateNameTaken`.
    """
    kind = SourceKind.MJML if looks_like_mjml(source) else SourceKind.HTML
    conversion = convert_content({"html": source, "source_format": kind}, {})
    return templates.create(actor=actor, name=name, **conversion.content), conversion
