"""The safety stop: pausing a run that harms the sender's name, saying why, and telling its owner by mail."""

from datetime import timedelta
from typing import Final

import structlog
from django.db import connection, transaction
from django.urls import reverse

from campaigns.models import Run, RunState
from campaigns.services import notices, runs
from events import safety
from events.kinds import Outcome
from events.models import SafetyStop
from mailplatform.accounts.services import audit, installation
from mailplatform.core import clock

from . import policies

log = structlog.get_logger(__name__)
STOPPED: Final = "run.stopped_by_itself"
TELL_FOR: Final = timedelta(hours=24)

# Bounces off the account's own list never reached a provider and do not count.
_FIGURES = """
    SELECT CASE WHEN grouping(provider) = 1 THEN '' ELSE provider END, count(*) FILTER (WHERE state_at IS NOT NULL),
           count(*) FILTER (WHERE state IN (%(soft)s, %(hard)s)
                            AND reason NOT IN ('OnAccountSuppressionList', 'OnTenantSuppressionList')),
           count(*) FILTER (WHERE complained_at IS NOT NULL), count(*) FILTER (WHERE state = %(unrendered)s)
    FROM events_outcome WHERE run_id = %(run)s GROUP BY GROUPING SETS ((provider), ())
"""
_COUNTED = """
    SELECT coalesce(sum(people) FILTER (WHERE type IN ('bounce', 'soft_bounce')), 0),
           coalesce(sum(people) FILTER (WHERE type = 'complaint'), 0),
           coalesce(sum(people) FILTER (WHERE type = 'rendering_failure'), 0)
    FROM events_counter WHERE run_id = %s AND link_id = 0 AND NOT is_machine
      AND type IN ('bounce', 'soft_bounce', 'complaint', 'rendering_failure')
"""


def figures_of(run_id: int) -> list[safety.Figures]:
    """Return what became of a run's mail, per provider and in all (provider '')."""
    values = {
        "run": run_id,
        "soft": int(Outcome.SOFT_BOUNCE),
        "hard": int(Outcome.HARD_BOUNCE),
        "unrendered": int(Outcome.RENDERING_FAILURE),
    }
    with connection.cursor() as cursor:
        cursor.execute(_FIGURES, values)
        return [safety.Figures(*row) for row in cursor.fetchall()]


def check_safety(*, limits: safety.Limits | None = None) -> list[int]:
    """Pause every sending run that is in danger; return their ids.

    What a person had seen when they resumed a run does not stop it again: only what came since counts.
    """
    limits = limits or policies.limits_of(policies.get())
    return [run.pk for run in Run.objects.filter(state=RunState.SENDING) if _check(run, limits)]


def _check(run: Run, limits: safety.Limits) -> bool:
    last = SafetyStop.objects.filter(run_id=run.pk).order_by("-pk").first()
    is_news = last is not None and last.baseline is None
    if not is_news and not _is_worth_a_look(run.pk, limits):
        return False
    figures = figures_of(run.pk)
    if last is not None and last.baseline is None:
        SafetyStop.objects.filter(pk=last.pk).update(
            baseline={row.provider: list(row[1:]) for row in figures}, resumed_at=clock.now()
        )
        return False
    if last is not None:
        figures = [safety.since(row, last.baseline or {}) for row in figures]
    found = safety.first_danger(figures, limits)
    return found is not None and _stop(run, found)


def _is_worth_a_look(run_id: int, limits: safety.Limits) -> bool:
    """The counters tell cheaply that there cannot be a danger; outcomes are read only where there can."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED, [run_id])
        bounced, complained, unrendered = cursor.fetchone()
    return bool(
        bounced >= limits.bounces
        or complained >= limits.complaints
        or unrendered >= limits.rendering_failures
    )


@transaction.atomic
def _stop(run: Run, found: safety.Danger) -> bool:
    if not runs.pause_run(run_id=run.pk, by="safety_stop", reason=found.words):
        return False
    log.warning("safety_stop", run=run.pk, reason=found.words)
    audit.record(actor=None, action=STOPPED, obj=run, detail={"reason": found.words})
    SafetyStop.objects.create(
        run_id=run.pk,
        at=clock.now(),
        cause=found.cause,
        provider=found.provider,
        reason=found.words[:500],
        accepted=found.accepted,
        hits=found.hits,
    )
    return True


def tell_owners() -> int:
    """Mail the reason of each stop to whoever is to know; return how many stops were told.

    What cannot be sent now is tried again for a day; the page says it in any case.
    """
    told = 0
    for stop in SafetyStop.objects.filter(told_at=None, at__gte=clock.now() - TELL_FOR).order_by("pk"):
        run = Run.objects.select_related("campaign__owner", "launched_by").filter(pk=stop.run_id).first()
        if run is None or not notices.send(
            to=notices.people_to_tell(run.campaign.owner, run.launched_by),
            subject=f"“{run.campaign.name}” was paused by the safety stop",
            text=_letter(run, stop),
        ):
            continue
        told += SafetyStop.objects.filter(pk=stop.pk, told_at=None).update(told_at=clock.now())
    return told


def _letter(run: Run, stop: SafetyStop) -> str:
    campaign = reverse("campaigns:campaign_detail", args=[run.campaign.public_id])
    report = reverse("events:campaign_report", args=[run.campaign.public_id])
    site = installation.public_url()
    return (
        f"The campaign “{run.campaign.name}” was paused by itself.\n\n{stop.reason}\n\n"
        "Nobody else gets this mail until somebody resumes the campaign. What was sent cannot be recalled.\n\n"
        f"What happened:  {site}{report}\n"
        f"Resume, or cancel the rest:  {site}{campaign}\n\n"
        "After it is resumed, only what happens from then on can stop it again.\n"
    )
