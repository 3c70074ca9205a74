"""Campaigns that stand still until a person does something."""

import datetime as dt
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery

from mailplatform.core import clock

from ..models import Campaign, CampaignState, Occurrence, PauseReason, Run, Skipped
from ..sending import timing
from .runs import UNFINISHED

# Older troubles were seen by somebody.
SINCE: Final = dt.timedelta(days=30)
_WORTH_A_WORD: Final = (Skipped.NOT_APPROVED, Skipped.STILL_RUNNING, Skipped.TOO_LATE)
# By the partial index of the few that are open, in whatever state their run is and however old. While a run goes on,
# most settle by themselves: only those who can be decided about are worth a word.
_UNRESOLVED: Final = """
SELECT c.name, c.public_id, r.number, CASE WHEN r.state = ANY(%(open)s) THEN d.old ELSE d.people END
FROM (
    SELECT run_id, count(*) AS people, count(*) FILTER (WHERE at <= %(before)s) AS old FROM campaigns_delivery
    WHERE (state = 'unresolved' OR reason = 'not_confirmed') AND state = 'unresolved' AND reason <> 'resend'
    GROUP BY run_id OFFSET 0
) d JOIN campaigns_run r ON r.id = d.run_id JOIN campaigns_campaign c ON c.id = r.campaign_id
WHERE d.old > 0 OR r.state <> ALL(%(open)s)
ORDER BY 4 DESC, r.id DESC LIMIT 10
"""


@dataclass(frozen=True, slots=True)
class Doubt:
    """People of a run of whom nobody knows whether they got it."""

    name: str
    public_id: UUID
    run: int
    people: int


def waiting_campaigns(most: int = 10) -> QuerySet[Campaign]:
    """Campaigns that are paused, missed their time, could not start or failed; with why the last run stopped.

    Those that wait for the quota go on by themselves. Of campaigns that repeat, those whose last time was left out
    for a reason that somebody should know of: `left_out` names it.
    """
    run = Run.objects.filter(campaign=OuterRef("pk")).order_by("-number")
    last = Occurrence.objects.filter(series__campaign=OuterRef("pk")).order_by("-due_at")
    found = Campaign.objects.filter(archived_at=None).annotate(
        paused_by=Subquery(run.values("paused_by")[:1]),
        reason=Subquery(run.values("pause_reason")[:1]),
        left_out=Subquery(last.values("skipped")[:1]),
    )
    by_itself = Q(paused_by__in=[PauseReason.QUOTA, PauseReason.WARM_UP])
    waiting = (
        (Q(state=CampaignState.PAUSED) & ~by_itself)
        | Q(state=CampaignState.FAILED)
        | Q(state=CampaignState.SCHEDULED, missed_at__isnull=False)
        | Q(state=CampaignState.DRAFT, steps_done__has_key="not_started")
    )
    recent = Q(updated_at__gte=clock.now() - SINCE)
    left_out = Q(series__active=True, left_out__in=_WORTH_A_WORD)
    return found.filter((waiting & recent) | left_out).order_by("-updated_at")[:most]


def doubts() -> list[Doubt]:
    """Runs with people of whom nobody knows whether Amazon SES took their mail, and about whom nobody decided."""
    with connection.cursor() as cursor:
        before = clock.now() - timing.CALL_LEASE - timing.DECISION_FENCE
        cursor.execute(_UNRESOLVED, {"before": before, "open": [state.value for state in UNFINISHED]})
        return [Doubt(*row) for row in cursor.fetchall()]
