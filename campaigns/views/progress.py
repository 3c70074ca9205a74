"""One campaign on its way: numbers that move, and the buttons that fit its state."""

import datetime as dt
from typing import Any, Final
from urllib.parse import quote, urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock

from ..models import Campaign, CampaignState, PauseReason, Run, RunState
from ..selectors import approvals, recipients, recurring, restores, sending_settings, unresolved
from ..selectors import campaigns as selectors
from ..selectors import forecast as forecasts
from ..selectors import runs as run_selectors
from ..sending import pace
from ..services import archive
from . import words

# Seconds between two looks of the page, by state; nothing is asked for once a campaign is over.
_POLL: Final = {CampaignState.PREPARING: 2, CampaignState.SENDING: 2, CampaignState.PAUSED: 10}
_POLL_PLANNED: Final = 30
# A start that is later than this is worth a word.
_LATE: Final = dt.timedelta(minutes=1)
# One that is nearer than this is watched.
_NEAR: Final = dt.timedelta(minutes=1)
_WHAT_TO_DO: Final = {
    PauseReason.PERSON: "It goes on when somebody presses Resume.",
    PauseReason.SAFETY_STOP: "See in the report which addresses bounced or who complained, and from where they came. "
    "Resume only if you know why; cancel if the list is not what you thought.",
    PauseReason.ACCOUNT: "Mend it in your Amazon account or in the settings, then press Resume. "
    "Nobody is lost or mailed twice meanwhile.",
    PauseReason.QUOTA: "It goes on by itself as soon as the quota has room again. Amazon raises it on request.",
    PauseReason.WARM_UP: "It goes on by itself with the next day of the warm-up plan (days are counted in UTC).",
    PauseReason.RESTORED: "It goes on when somebody presses Resume.",
    PauseReason.LATE: "Resume sends it to them now, and to the others at their own hour. Cancel ends it, and whoever "
    "has not got it does not get it.",
}


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
    """The fragment that the page asks for every few seconds, and no more once the campaign is over."""
    campaign = selectors.access_campaign(public_id)
    if selectors.is_editable(campaign):
        url = reverse("campaigns:campaign_step", args=[public_id, "review"])
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return render(request, "campaigns/_progress.html", _context(request, campaign))


def _context(request: HttpRequest, campaign: Campaign) -> dict[str, Any]:
    run = selectors.last_run(campaign)
    shown = run_selectors.progress(run) if run else None
    queue = run_selectors.queue(run.pk) if run else run_selectors.Queue()
    return {
        "campaign": campaign,
        "run": run,
        "progress": shown,
        "queue": queue,
        "parts": _parts(shown) if shown else [],
        "reasons": _reasons(campaign, shown) if shown else [],
        # Of a campaign's first run there are no others.
        "other_doubts": unresolved.other_runs(run) if run and run.number > 1 else [],
        "poll": _poll(campaign, queue),
        "in_grace": campaign.state == CampaignState.SCHEDULED and selectors.is_in_grace(campaign),
        "is_local": selectors.is_local(campaign),
        "starts_there": _local(campaign),
        "missed": _missed(campaign) if campaign.missed_at else None,
        "paused": _paused(campaign, run),
        "may_edit": current_user(request).has_role("marketer"),
        "report_url": reverse("events:campaign_report", args=[campaign.public_id]) if run else "",
        "eta": words.duration(shown.eta_seconds) if shown and shown.eta_seconds is not None else "",
        "late": _late(run),
        "forecast": _forecast(run, shown),
        "lost_approval": _lost_approval(campaign),
        "pattern": recurring.pattern_of(campaign),
        "archive_path": archive.path_of_campaign(campaign) if run else "",
        "link_parameters": urlencode(run.frozen.get("utm", {}), quote_via=quote) if run else "",
        "account": _account(installation.get()) if run and run.state in run_selectors.UNFINISHED else None,
    }


def _lost_approval(campaign: Campaign) -> bool:
    """Whether a planned campaign will not start, because what it sends was changed after its approval."""
    is_needed = campaign.state == CampaignState.SCHEDULED and sending_settings.get().approval_needed
    return is_needed and approvals.approved_by(campaign) is None


def _poll(campaign: Campaign, queue: run_selectors.Queue) -> int:
    if campaign.state == CampaignState.SCHEDULED and not campaign.missed_at:
        due_at = selectors.due_at(campaign)
        return 2 if due_at is not None and due_at - clock.now() < _NEAR else _POLL_PLANNED
    if campaign.state == CampaignState.CANCELLED and queue.in_flight:
        return 2
    return _POLL.get(CampaignState(campaign.state), 0)


def _paused(campaign: Campaign, run: Run | None) -> dict[str, Any] | None:
    """Why it is paused, and what to do about it."""
    if campaign.state != CampaignState.PAUSED or run is None:
        return None
    by = PauseReason(run.paused_by) if run.paused_by else PauseReason.PERSON
    if by is PauseReason.RESTORED:
        return _restored(campaign, run)
    links = {
        PauseReason.SAFETY_STOP: (
            reverse("events:campaign_report", args=[campaign.public_id]),
            "Open the report",
        ),
        PauseReason.ACCOUNT: (reverse("accounts:settings"), "Open the settings"),
    }
    url, label = links.get(by, ("", ""))
    return {
        "level": "error" if by in {PauseReason.SAFETY_STOP, PauseReason.ACCOUNT} else "warning",
        "title": "Stopped by the safety stop" if by is PauseReason.SAFETY_STOP else by.label,
        "text": " ".join(part for part in (run.pause_reason, _WHAT_TO_DO[by]) if part),
        "until": run.not_before,
        "link_url": url,
        "link_label": label,
    }


def _restored(campaign: Campaign, run: Run) -> dict[str, Any]:
    """What a restore left open, and the page on which it is settled."""
    page = f"{reverse('events:unresolved', args=[campaign.public_id])}?run={run.number}"
    people = restores.in_doubt(run.pk)
    if people:
        who = "1 person" if people == 1 else f"{people:,} people"
        text = f"{who} may have got it after that. Events that still come settle them; decide about the rest first."
        link = page, "Look at them and decide"
    elif restores.is_locked():
        text, link = restores.LOCKED, (reverse("campaigns:restored"), "Open the restore")
    else:
        text, link = "Nobody is in doubt any more. " + _WHAT_TO_DO[PauseReason.RESTORED], ("", "")
    return {
        "level": "warning",
        "title": PauseReason.RESTORED.label,
        "text": f"{run.pause_reason} {text}",
        "until": None,
        "link_url": link[0],
        "link_label": link[1],
        "may_not_resume": bool(link[0]),
    }


def _missed(campaign: Campaign) -> dict[str, Any]:
    """What is known of a campaign that was due while nobody could start it, and how many would get it now."""
    known = campaign.steps_done.get("missed", {})
    return {
        "due_at": _moment(known.get("due_at")),
        "down_since": _moment(known.get("down_since")),
        "restored": bool(known.get("restored")),
        "restored_to": _moment(known.get("restored_to")),
        "audience": selectors.count_audience(campaign),
    }


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None


def _forecast(run: Run | None, shown: run_selectors.RunProgress | None) -> forecasts.Forecast | None:
    """When the rest will be out, if it went on now."""
    if run is None or shown is None or not shown.waiting or run.state not in run_selectors.UNFINISHED:
        return None
    if run.state == RunState.PAUSED and run.paused_by not in {PauseReason.QUOTA, PauseReason.WARM_UP}:
        return None
    return forecasts.for_run(run)


def _late(run: Run | None) -> str:
    """How late a planned campaign started, in words; nothing where it was on time."""
    if run is None or run.due_at is None or run.launched_at - run.due_at < _LATE:
        return ""
    return words.duration((run.launched_at - run.due_at).total_seconds())


def _account(site: Installation) -> dict[str, Any]:
    """What the account still allows today, and whether Amazon slowed it down."""
    left = max(0, int(site.max_24_hour_send - site.sent_last_24_hours))
    return {
        "quota_left": left if site.max_24_hour_send >= 0 and site.quota_read_at else None,
        "read_at": site.quota_read_at,
        "rate": site.max_send_rate,
        "slowed_to": pace.slowed_to(site),
    }


def _parts(shown: run_selectors.RunProgress) -> list[tuple[str, int, str]]:
    return [
        ("Accepted by Amazon SES", shown.accepted, "green"),
        ("Failed", shown.failed, "red"),
        ("Skipped", shown.skipped, "grey"),
        ("Unresolved", shown.unresolved, "amber"),
        ("Waiting", shown.waiting, "track"),
    ]


def _reasons(campaign: Campaign, shown: run_selectors.RunProgress) -> list[dict[str, Any]]:
    base = reverse("campaigns:campaign_recipients", args=[campaign.public_id])
    return [
        {
            "state": state,
            "label": recipients.reason_label(reason) or "No reason given",
            "count": count,
            "url": f"{base}?state={state}&reason={reason}",
        }
        for state, reason, count in shown.reasons
    ]


def _local(campaign: Campaign) -> str:
    """When it starts, in the campaign's own zone; by local time the hour alone, which is everybody's own."""
    if campaign.scheduled_at is None or not campaign.schedule_zone:
        return ""
    local = timezone.localtime(campaign.scheduled_at, ZoneInfo(campaign.schedule_zone))
    zone = "" if selectors.is_local(campaign) else f" {campaign.schedule_zone.replace('_', ' ')}"
    return f"{local:%d %b %Y, %H:%M}{zone}"
