"""What a verification found, in words."""

from dataclasses import dataclass, field
from enum import StrEnum

PROBLEMS_KEPT = 1_000


class Kind(StrEnum):
    """What sort of fault it is."""

    CHANGED = "changed"
    REMOVED = "removed"
    ADDED = "added"
    CUT = "cut"
    SEAL = "seal"
    KEY = "key"
    CHECKPOINT = "checkpoint"
    FILE = "file"


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault; `record_id` where one record can be named."""

    kind: Kind
    text: str
    record_id: int | None = None


@dataclass(slots=True)
class Report:
    """The result of a verification."""

    records: int = 0
    blocks: int = 0
    erased: int = 0
    head: str = ""
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    count: int = 0

    @property
    def ok(self) -> bool:
        return self.count == 0

    def add(self, kind: Kind, text: str, record_id: int | None = None) -> None:
        """Note a fault; past the first thousand they are only counted."""
        self.count += 1
        if len(self.problems) < PROBLEMS_KEPT:
            self.problems.append(Problem(kind, text, record_id))

    def lines(self) -> list[str]:
        """Return the report as it is printed."""
        summary = (
            f"{self.records} records ({self.erased} erased) in {self.blocks} blocks: every seal holds."
            if self.ok
            else f"{self.count} fault(s) in {self.records} records and {self.blocks} blocks."
        )
        texts = [problem.text for problem in self.problems]
        if self.count > len(texts):
            texts.append(f"... and {self.count - len(texts)} more")
        return [*texts, *self.notes, summary]
