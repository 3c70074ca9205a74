"""A whole report in one piece, as the page, the sheet for paper, the files and the mail show it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from campaigns.models import Run
from campaigns.prices import Cost
from campaigns.selectors import costs

from . import breakdown, past_runs, report
from .breakdown import Breakdown
from .past_runs import Average
from .report import LinkFigures, Point, Reason, Report
from .words import DEFINITIONS

# What is compared, in this order: clicks before opens. (figure, what it is divided by, label)
RATES: Final = (
    ("delivered", "accepted", "Delivered"),
    ("clicked", "trackable_clicks", "Clicked"),
    ("opened", "trackable_opens", "Opened"),
    ("all_bounced", "accepted", "Bounced"),
    ("unsubscribed", "delivered", "Unsubscribed"),
    ("complained", "delivered", "Complained"),
)


@dataclass(frozen=True, slots=True)
class Rate:
    """One figure: how many people, of how many; the own average in per cent, or None."""

    key: str
    label: str
    people: int
    of: int
    average: float | None

    @property
    def definition(self) -> str:
        """What the number means."""
        return DEFINITIONS[self.key]


@dataclass(frozen=True, slots=True)
class Overview:
    """The report of a run, or of a launch with its retries. `found` is None before the first digest of a large one."""

    runs: list[Run]
    figures: Report
    found: Breakdown | None
    average: Average | None
    links: list[LinkFigures]
    points: list[Point]
    cost: Cost | None

    @property
    def rates(self) -> list[Rate]:
        """The six shares with their definitions."""
        return rates(self.figures, self.average)

    @property
    def skipped(self) -> list[Reason]:
        """Why people of the audience got no mail."""
        return report.skipped_reasons(self.found, is_whole=len(self.runs) > 1) if self.found else []

    @property
    def bounces(self) -> list[Reason]:
        """Why accepted mail did not arrive."""
        return report.bounce_reasons(self.found) if self.found else []


def overview(scope: Sequence[Run], *, links: int = report.TOP_LINKS) -> Overview:
    """Return the report of these runs; a dozen queries at most."""
    parts = [breakdown.breakdown(run) for run in scope]
    known = [part for part in parts if part is not None]
    figures = report.report(scope, parts)
    return Overview(
        runs=list(scope),
        figures=figures,
        found=breakdown.merged(known) if len(known) == len(scope) else None,
        average=past_runs.average(scope[0]),
        links=report.links(scope, most=links),
        points=report.hours(scope),
        cost=costs.of_runs(list(scope), accepted=figures.accepted),
    )


def rates(figures: Report, average: Average | None) -> list[Rate]:
    """Return the six shares of these figures."""
    return [
        Rate(key, label, getattr(figures, key), getattr(figures, of), getattr(average, key, None))
        for key, of, label in RATES
    ]
