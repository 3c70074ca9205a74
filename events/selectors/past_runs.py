"""Earlier runs: what the own average is made of, and on what limits can be tried out. From digests only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from campaigns.models import Run, RunPurpose
from events.models import Digest
from events.safety import Figures
from mailplatform.core import clock

from .breakdown import Breakdown, restore

TRIED: Final = 100
TRIED_DAYS: Final = 90
AVERAGED: Final = 10


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run with its figures per provider, the whole under ''."""

    campaign_id: UUID
    name: str
    launched_at: datetime
    accepted: int
    figures: list[Figures]


@dataclass(frozen=True, slots=True)
class Average:
    """Shares over the last campaigns before this one, weighed by their size; None where there was nothing."""

    campaigns: int
    delivered: float | None
    all_bounced: float | None
    opened: float | None
    clicked: float | None
    unsubscribed: float | None
    complained: float | None


def past_runs() -> list[PastRun]:
    """Return the runs that went out in the last 90 days, newest first, a hundred at most (two queries)."""
    first = clock.now() - timedelta(days=TRIED_DAYS)
    runs = Run.objects.select_related("campaign").filter(launched_at__gte=first).exclude(started_at=None)
    runs = runs.order_by("-launched_at")[:TRIED]
    known = digests(list(runs))
    return [
        PastRun(
            run.campaign.public_id,
            run.campaign.name,
            run.launched_at,
            known[run.pk].by_state("accepted"),
            figures_of(known[run.pk]),
        )
        for run in runs
        if run.pk in known
    ]


def figures_of(found: Breakdown) -> list[Figures]:
    """Return what the safety stop looks at."""
    rows = [
        Figures(
            part.name if part.key else "Unknown", part.accepted, part.all_bounced - part.own_list, part.complained,
            part.unrendered,
        )
        for part in found.providers
    ]  # fmt: skip
    numbers = [row[1:] for row in rows]
    return [Figures("", *(sum(column) for column in zip(*numbers, strict=True))), *rows] if rows else []


def average(before: Run) -> Average | None:
    """Return the average of the ten campaigns launched before a run, or None where there is none (two queries)."""
    earlier = Run.objects.filter(
        launched_at__lt=before.launched_at, purpose=RunPurpose.LAUNCH, frozen__kind=before.frozen.get("kind")
    )
    runs = list(earlier.exclude(campaign_id=before.campaign_id).order_by("-launched_at")[:AVERAGED])
    found = list(digests(runs).values()) if runs else []
    accepted = sum(each.by_state("accepted") for each in found)
    if not accepted:
        return None
    parts = [part for each in found for part in each.providers]
    delivered = sum(part.delivered for part in parts)
    return Average(
        campaigns=len(found),
        delivered=_share(delivered, accepted),
        all_bounced=_share(sum(part.all_bounced for part in parts), accepted),
        opened=_share(sum(part.opened for part in parts), sum(each.trackable_opens for each in found)),
        clicked=_share(sum(part.clicked for part in parts), sum(each.trackable_clicks for each in found)),
        unsubscribed=_share(sum(part.unsubscribed for part in parts), delivered),
        complained=_share(sum(part.complained for part in parts), delivered),
    )


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None


def digests(runs: Sequence[Run]) -> dict[int, Breakdown]:
    """Return the digest of each run that has one."""
    rows = Digest.objects.filter(pk__in=[run.pk for run in runs]).exclude(figures={})
    return {row.pk: restore(row) for row in rows}
