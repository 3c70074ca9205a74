"""What can be wrong with a template: one small vocabulary for the guard, the checks and the pre-flight."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How serious a finding is. Only `BLOCKING` disables publishing and sending."""

    BLOCKING = "blocking"
    WARNING = "warning"
    ADVICE = "advice"


class Part(StrEnum):
    """The three parts of an SES template."""

    SUBJECT = "subject"
    HTML = "html"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to tell the author: where it is, how bad it is, and what to do about it."""

    level: Level
    code: str
    message: str
    part: Part | None = None
    line: int = 0

    @property
    def is_blocking(self) -> bool:
        """Whether this finding must be mended before anything is sent."""
        return self.level is Level.BLOCKING

    def as_dict(self) -> dict[str, str | int]:
        """The finding as the editor's JSON endpoint returns it."""
        part = str(self.part) if self.part else ""
        return {
            "level": str(self.level),
            "code": self.code,
            "message": self.message,
            "part": part,
            "line": self.line,
        }


class TemplateError(Exception):
    """A template that cannot be rendered safely; carries every finding, in order of line."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        super().__init__("; ".join(f"{f.part} line {f.line}: {f.message}" for f in findings))
