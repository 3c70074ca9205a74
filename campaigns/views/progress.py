"""One campaign on its way: numbers that move, and the buttons that fit its state."""

from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from mailplatform.accounts.access import current_user, require_role

from ..models import Campaign, CampaignState, PauseReason
from ..selectors import campaigns as selectors
from ..selectors import recipients
from ..selectors import runs as run_selectors

MOVING = (CampaignState.SCHEDULED, CampaignState.PREPARING, CampaignState.SENDING)


@require_role("viewer")
@require_GET
def campaign_detail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The page of a launched campaign; a draft is shown in its steps."""
    campaign = selectors.access_campaign(public_id)
    if selectors.is_editable(campaign):
        return redirect("campaigns:campaign_step", public_id, "review")
    return render(request, "campaigns/campaign_detail.html", _context(request, campaign))


@require_role("viewer")
@require_GET
def campaign_progress(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The fragment that the page asks for every two seconds, and no more once the campaign is over."""
    campaign = selectors.access_campaign(public_id)
    if selectors.is_editable(campaign):
        url = reverse("campaigns:campaign_step", args=[public_id, "review"])
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return render(request, "campaigns/_progress.html", _context(request, campaign))


def _context(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    run = selectors.last_run(campaign)
    shown = run_selectors.progress(run) if run else None
    return {
        "campaign": campaign,
        "run": run,
        "progress": shown,
        "parts": _parts(shown) if shown else [],
        "reasons": _reasons(campaign, run.pk) if run else [],
        "is_moving": campaign.state in MOVING or (run is not None and bool(shown and shown.unresolved)),
        "in_grace": campaign.state == CampaignState.SCHEDULED and selectors.is_in_grace(campaign),
        "starts_there": _local(campaign),
        "stopped_by_safety": bool(run and run.paused_by == PauseReason.SAFETY_STOP),
        "may_edit": current_user(request).has_role("marketer"),
        "report_url": reverse("events:campaign_report", args=[campaign.public_id]) if run else "",
        "eta": _duration(shown.eta_seconds) if shown and shown.eta_seconds is not None else "",
    }


def _parts(shown: run_selectors.RunProgress) -> list[tuple[str, int, str]]:
    return [
        ("Accepted by Amazon SES", shown.accepted, "green"),
        ("Failed", shown.failed, "red"),
        ("Skipped", shown.skipped, "grey"),
        ("Unresolved", shown.unresolved, "amber"),
        ("Waiting", shown.waiting, "track"),
    ]


def _reasons(campaign: Campaign, run_id: int) -> list[dict[str, Any]]:
    base = reverse("campaigns:campaign_recipients", args=[campaign.public_id])
    return [
        {
            "state": state,
            "label": recipients.reason_label(reason) or "No reason given",
            "count": count,
            "url": f"{base}?state={state}&reason={reason}",
        }
        for state, reason, count in run_selectors.counts_by_reason(run_id)
    ]


def _local(campaign: Campaign) -> str:
    """When it starts, in the campaign's own zone."""
    if campaign.scheduled_at is None or not campaign.schedule_zone:
        return ""
    local = timezone.localtime(campaign.scheduled_at, ZoneInfo(campaign.schedule_zone))
    return f"{local:%d %b %Y, %H:%M} {campaign.schedule_zone.replace('_', ' ')}"


def _duration(seconds: int) -> str:
    if seconds < 90:
        return f"about {max(1, seconds)} seconds"
    minutes = round(seconds / 60)
    return f"about {minutes} minutes" if minutes < 120 else f"about {round(minutes / 60)} hours"
