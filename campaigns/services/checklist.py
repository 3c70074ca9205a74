"""The list of what a check before launch found: its lines, their levels, and where each is mended."""

from dataclasses import dataclass, field

from ..rendering import Level
from ..selectors import campaigns as selectors

# Where a finding is mended: a step of the campaign, the template's editor, or the settings page.
TO, FROM, CONTENT, SCHEDULE, TEMPLATE, SETTINGS = "to", "from", "content", "schedule", "template", "settings"
REPEAT = "repeat"


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the check list."""

    level: Level
    code: str
    message: str
    fix: str = ""


@dataclass(slots=True)
class Preflight:
    """All findings and the audience they were made for.

    `hours_past` counts the people who are to get it at their own local time, where the chosen hour is past already.
    """

    audience: selectors.Audience
    items: list[Item] = field(default_factory=list)
    hours_past: int = 0

    @property
    def can_send(self) -> bool:
        """Whether nothing blocks."""
        return not self.blocking

    @property
    def blocking(self) -> list[Item]:
        """What must be mended first."""
        return [item for item in self.items if item.level is Level.BLOCKING]

    @property
    def warnings(self) -> list[Item]:
        """What should be looked at."""
        return [item for item in self.items if item.level is Level.WARNING]

    @property
    def advice(self) -> list[Item]:
        """What could be better."""
        return [item for item in self.items if item.level is Level.ADVICE]

    def add(self, level: Level, code: str, message: str, fix: str = "") -> None:
        """Note a finding."""
        self.items.append(Item(level, code, message, fix))
