"""When a run must stop by itself: too many bounces or complaints at one mailbox provider. Pure."""

from dataclasses import dataclass
from typing import Final

MIN_ACCEPTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates are parts of one; floors are people. Defaults follow SES's own review thresholds."""

    bounce_rate: float = 0.05
    bounces: int = 20
    complaint_rate: float = 0.001
    complaints: int = 5
    accepted: int = MIN_ACCEPTED


@dataclass(frozen=True, slots=True)
class Figures:
    """What became of one run's mail at one provider ('' is all of them together)."""

    provider: str
    accepted: int
    bounced: int
    complained: int


def danger(figures: Figures, limits: Limits | None = None) -> str:
    """Return why the run must stop, in words for people, or ''."""
    limits = limits or Limits()
    if figures.accepted < limits.accepted:
        return ""
    place = f"at {figures.provider}" if figures.provider else "in all"
    if figures.bounced >= limits.bounces and figures.bounced >= limits.bounce_rate * figures.accepted:
        share = figures.bounced / figures.accepted
        return (
            f"{figures.bounced:,} of {figures.accepted:,} mails bounced {place} ({share:.1%}; the limit is "
            f"{limits.bounce_rate:.0%}). Clean the list before you go on: Amazon SES reviews accounts above 5 %."
        )
    if (
        figures.complained >= limits.complaints
        and figures.complained >= limits.complaint_rate * figures.accepted
    ):
        share = figures.complained / figures.accepted
        return (
            f"{figures.complained:,} of {figures.accepted:,} people complained {place} ({share:.2%}; the limit is "
            f"{limits.complaint_rate:.1%}). Check where these people come from before you go on."
        )
    return ""
