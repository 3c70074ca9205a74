"""Campaigns side by side, and beside their own average. From digests and counters: seven queries, however many."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Max

from campaigns.models import Campaign, Run, RunPurpose

from . import breakdown, past_runs, report
from .breakdown import Breakdown
from .overview import Rate, rates
from .past_runs import Average
from .report import Report

MOST: Final = 6
OFFERED: Final = 40


@dataclass(frozen=True, slots=True)
class Column:
    """One campaign with its launch and retries. `at` is when parts of it were counted in the background, or None.

    `figures` is None before that was done for the first time.
    """

    public_id: UUID
    name: str
    subject: str
    launched_at: datetime
    figures: Report | None
    rates: list[Rate]
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One campaign's figure; None while it is being counted. `is_best`: no other one does better, or as well."""

    public_id: UUID
    rate: Rate | None
    is_best: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One figure across all campaigns."""

    key: str
    label: str
    definition: str
    cells: list[Cell]
    average: float | None


def offered() -> list[Campaign]:
    """Return the campaigns that can be compared, those launched last first."""
    found = Campaign.objects.filter(runs__purpose=RunPurpose.LAUNCH).annotate(
        launched_at=Max("runs__launched_at")
    )
    return list(found.order_by("-launched_at")[:OFFERED])


def compare(public_ids: Sequence[UUID]) -> list[Column]:
    """Return these campaigns in the order given; those that do not exist or never went out are left out."""
    known = dict(Campaign.objects.filter(public_id__in=public_ids).values_list("public_id", "pk"))
    runs: dict[int, list[Run]] = {}
    for run in (
        Run.objects.filter(campaign_id__in=known.values()).select_related("campaign").order_by("number")
    ):
        runs.setdefault(run.campaign_id, []).append(run)
    every = [run for several in runs.values() for run in several]
    found, counted = _breakdowns(every), report.totals([run.pk for run in every])
    columns = []
    for public_id in dict.fromkeys(public_ids):
        several = runs.get(known.get(public_id, 0), [])
        if several:
            columns.append(_column(several, [found.get(run.pk) for run in several], counted))
    return columns


def average_before(columns: Sequence[Column]) -> Average | None:
    """Return the average of the campaigns before the first of these."""
    first = min(columns, key=lambda column: column.launched_at, default=None)
    run = (
        Run.objects.filter(campaign__public_id=first.public_id).order_by("number").first() if first else None
    )
    return past_runs.average(run) if run else None


def rows(columns: Sequence[Column], average: Average | None) -> list[Row]:
    """Return the six rates across the columns."""
    found = []
    for rate in rates(_NOTHING, average):
        own = [next((each for each in column.rates if each.key == rate.key), None) for column in columns]
        best = _best(own, is_good=rate.key in _GOOD)
        cells = [
            Cell(column.public_id, each, number == best)
            for number, (column, each) in enumerate(zip(columns, own, strict=True))
        ]
        found.append(Row(rate.key, rate.label, rate.definition, cells, rate.average))
    return found


_GOOD: Final = frozenset({"delivered", "clicked", "opened"})
_NOTHING: Final = Report(*([0] * 22))


def _best(cells: Sequence[Rate | None], *, is_good: bool) -> int | None:
    shares = {n: cell.people / cell.of for n, cell in enumerate(cells) if cell is not None and cell.of}
    if len(shares) < 2 or len(set(shares.values())) == 1:
        return None
    choose = max if is_good else min
    best = choose(shares.values())
    winners = [number for number, share in shares.items() if share == best]
    return winners[0] if len(winners) == 1 else None


def _breakdowns(runs: Sequence[Run]) -> dict[int, Breakdown]:
    """The digest of each run; small ones that have none yet are looked at."""
    found = past_runs.digests(runs)
    for run in runs:
        if run.pk not in found and breakdown.is_small(run):
            found[run.pk] = breakdown.compute(run, segments=[])
    return found


def _column(runs: list[Run], found: Sequence[Breakdown | None], counted: dict[int, report.Totals]) -> Column:
    known = [part for part in found if part is not None]
    figures = report.assemble(runs, found, counted) if len(known) == len(runs) else None
    times = [part.at for part in known if part.at is not None]
    return Column(
        public_id=runs[0].campaign.public_id,
        name=runs[0].campaign.name,
        subject=str(runs[0].frozen.get("subject", "")),
        launched_at=runs[0].launched_at,
        figures=figures,
        rates=rates(figures, None) if figures else [],
        at=min(times, default=None),
    )
