"""When a run must stop by itself: too many bounces, complaints or unrendered mails, in all or at one provider. Pure.

Rates need volume: a rate counts from so many accepted mails and so many hits on. After a person resumed a run, only
what happened since counts (`since`), so that the same evidence does not stop it twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

MIN_ACCEPTED: Final = 1_000
BOUNCES, COMPLAINTS, RENDERING = "bounces", "complaints", "rendering"


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates are parts of one; floors are mails or people. Defaults follow SES's own review thresholds."""

    bounce_rate: float = 0.05
    bounces: int = 20
    complaint_rate: float = 0.001
    complaints: int = 5
    accepted: int = MIN_ACCEPTED
    rendering_rate: float = 0.02
    rendering_failures: int = 20


class Figures(NamedTuple):
    """What became of one run's mail at one provider ('' is all of them together)."""

    provider: str
    accepted: int
    bounced: int
    complained: int
    unrendered: int = 0


@dataclass(frozen=True, slots=True)
class Danger:
    """Why a run must stop: the cause, where, the evidence, and words for people."""

    cause: str
    provider: str
    accepted: int
    hits: int
    words: str


def since(figures: Figures, baseline: dict[str, list[int]]) -> Figures:
    """Return what came on top of `baseline` (provider → the four numbers); numbers never fall below nothing."""
    before = baseline.get(figures.provider, [0, 0, 0, 0])
    now = figures[1:]
    return Figures(
        figures.provider, *(max(0, number - known) for number, known in zip(now, before, strict=True))
    )


def danger(figures: Figures, limits: Limits | None = None) -> Danger | None:
    """Return why the run must stop, or None."""
    limits = limits or Limits()
    place = f"at {figures.provider}" if figures.provider else "in all"
    enough = figures.accepted >= limits.accepted
    if enough and _is_over(figures.bounced, figures.accepted, limits.bounces, limits.bounce_rate):
        words = (
            f"{figures.bounced:,} of {figures.accepted:,} mails bounced {place} "
            f"({figures.bounced / figures.accepted:.1%}; the limit is {limits.bounce_rate:.1%}). "
            "Clean the list before you go on: Amazon SES reviews accounts above 5 %."
        )
        return Danger(BOUNCES, figures.provider, figures.accepted, figures.bounced, words)
    if enough and _is_over(figures.complained, figures.accepted, limits.complaints, limits.complaint_rate):
        words = (
            f"{figures.complained:,} of {figures.accepted:,} people complained {place} "
            f"({figures.complained / figures.accepted:.2%}; the limit is {limits.complaint_rate:.2%}). "
            "Check where these people come from before you go on."
        )
        return Danger(COMPLAINTS, figures.provider, figures.accepted, figures.complained, words)
    # Each of these mails is one that nobody got: no volume is needed to believe it.
    failed, floor = figures.unrendered, limits.rendering_failures
    if not figures.provider and _is_over(failed, figures.accepted, floor, limits.rendering_rate):
        words = (
            f"{failed:,} of {figures.accepted:,} mails could not be rendered, because a variable of the template had "
            f"no value. These people got nothing. The report names the variable."
        )
        return Danger(RENDERING, "", figures.accepted, failed, words)
    return None


def first_danger(every: Iterable[Figures], limits: Limits | None = None) -> Danger | None:
    """Return the first danger of a run's figures, the whole before its parts."""
    ordered = sorted(every, key=lambda figures: (figures.provider != "", -figures.accepted))
    return next((found for figures in ordered if (found := danger(figures, limits)) is not None), None)


def _is_over(hits: int, accepted: int, floor: int, rate: float) -> bool:
    return hits >= floor and hits >= rate * accepted
