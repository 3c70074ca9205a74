"""The five steps of a campaign: To, From, Content, Schedule, Review; in any order, saved as one types."""

import datetime as dt
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET, require_http_methods

from mailplatform.accounts.access import current_site, current_user, require_role
from mailplatform.accounts.models import Carrier, Installation
from mailplatform.core import clock
from subscribers.selectors.audience import AudienceSpec

from .. import languages, outside
from ..forms.campaigns import (
    VARIABLE_PREFIX,
    ContentForm,
    FromForm,
    LanguageForm,
    ScheduleForm,
    StepForm,
    ToForm,
    sender_choices,
)
from ..forms.templates import TestSendForm, chosen_person
from ..models import Campaign, MediaFamily, Series
from ..rendering import Part
from ..selectors import attachments, costs, media, recurring
from ..selectors import campaigns as selectors
from ..selectors import forecast as forecasts
from ..selectors import reading as readings
from ..selectors import templates as template_selectors
from ..selectors.reading import Reading
from ..sending import zones
from ..services import campaigns, outside_checks, preflight, previews, publishing
from . import approvals, frames

STEPS = (
    ("to", "To"),
    ("from", "From"),
    ("content", "Content"),
    ("schedule", "Schedule"),
    ("review", "Review"),
)
_FORMS: dict[str, Any] = {"to": ToForm, "from": FromForm, "schedule": ScheduleForm}
_SAVERS: dict[str, Any] = {
    "to": campaigns.save_audience,
    "from": campaigns.save_sender,
    "content": campaigns.save_content,
    "schedule": campaigns.save_schedule,
}


@require_role("viewer")
@require_http_methods(["GET", "POST"])
def campaign_step(request: HttpRequest, public_id: UUID, step: str) -> HttpResponse:
    """Show a step, or save it: a page that types gets a fragment back, a button goes on to the next step."""
    if step not in dict(STEPS):
        raise Http404
    if step == "review":
        return _review(request, public_id)
    campaign = selectors.access_campaign(public_id)
    if not selectors.is_editable(campaign):
        return redirect("campaigns:campaign_detail", public_id)
    if request.method == "POST":
        if not current_user(request).has_role("marketer"):
            return render(request, "403.html", status=403)
        return _save(request, campaign, step)
    return render(
        request, f"campaigns/steps/{step}.html", _context(request, campaign, step, _form(campaign, step))
    )


def _review(request: HttpRequest, public_id: UUID) -> HttpResponse:
    reading = readings.access(public_id, current_site(request))
    if not selectors.is_editable(reading.campaign):
        return redirect("campaigns:campaign_detail", public_id)
    if _types(request) and outside.is_looking(reading.campaign):
        # The page asks how far the look is: it has nothing to show yet, and nobody is counted for that.
        return HttpResponse(status=204)
    return render(request, "campaigns/steps/review.html", _review_context(request, reading))


def _form(campaign: Campaign, step: str, data: Any = None) -> StepForm:
    if step == "content":
        initial = ContentForm.initial_of(campaign)
        return ContentForm(data, initial=initial, campaign=campaign)
    kind = _FORMS[step]
    form: StepForm = kind(data, initial=kind.initial_of(campaign))
    return form


def _save(request: HttpRequest, campaign: Campaign, step: str) -> HttpResponse:
    form = _form(campaign, step, request.POST)
    saved = campaign
    if form.is_valid():
        try:
            saved = _SAVERS[step](
                campaign_id=campaign.pk,
                revision=form.cleaned_data["revision"],
                **form.changes(),  # type: ignore[attr-defined] # each step has a form class of its own; all have changes()
            )
        except campaigns.StaleCampaign as error:
            return _conflict(request, error.current, step)
        except campaigns.NotEditable:
            return _go(request, reverse("campaigns:campaign_detail", args=[campaign.public_id]))
        except (campaigns.SenderNotVerified, campaigns.InvalidSchedule) as error:
            form.add_error("sender" if step == "from" else "time", str(error))
    if form.errors:
        return _shown(request, campaign, step, form, status=422)
    wanted = request.POST.get("next", "")
    if wanted in dict(STEPS):
        return _go(request, reverse("campaigns:campaign_step", args=[campaign.public_id, wanted]))
    return _shown(request, saved, step, _form(saved, step), status=200)


def _shown(
    request: HttpRequest, campaign: Campaign, step: str, form: forms.Form, *, status: int
) -> HttpResponse:
    context = _context(request, campaign, step, form)
    if not _types(request):
        return render(request, f"campaigns/steps/{step}.html", context, status=status)
    return render(request, "campaigns/steps/_saved.html", {**context, "saved": status == 200}, status=status)


def _types(request: HttpRequest) -> bool:
    return request.headers.get("HX-Request") == "true"


def _go(request: HttpRequest, url: str) -> HttpResponse:
    """Send the browser on, also from a fragment request."""
    return HttpResponse(status=204, headers={"HX-Redirect": url}) if _types(request) else redirect(url)


def _conflict(request: HttpRequest, current: Campaign, step: str) -> HttpResponse:
    """Somebody else saved: show what was typed beside what is stored now; while one types, only say so."""
    mine = _form(current, step, {**_lists(request), "revision": current.revision})
    theirs = _form(current, step)
    theirs.auto_id = "stored_%s"  # both forms stand on one page
    context = {**_context(request, current, step, mine), "mine": mine, "theirs": theirs}
    if _types(request) and "next" not in request.POST:
        context["saved"] = False
        return render(request, "campaigns/steps/_stale.html", context, status=409)
    page = render(request, "campaigns/steps/conflict.html", context, status=409)
    if _types(request):
        # Continue was pressed: htmx would put the page where the step's side is.
        page["HX-Retarget"] = page["HX-Reselect"] = "#content"
        page["HX-Reswap"] = "outerHTML"
    return page


def _lists(request: HttpRequest) -> dict[str, Any]:
    many = {"lists", "segments", "excluded_lists", "excluded_segments"}
    return {k: request.POST.getlist(k) if k in many else v for k, v in request.POST.items()}


def step_links(campaign: Campaign, current: str, spec: AudienceSpec) -> list[dict[str, Any]]:
    """The steps with their ticks: what is done is read from the campaign, not remembered."""
    done = {
        "to": bool(spec.list_ids or spec.segment_ids),
        "from": campaign.sender_id is not None,
        "content": campaign.template_id is not None,
        "schedule": bool(campaign.steps_done.get("schedule")),
    }
    return [
        {
            "label": label,
            "url": reverse("campaigns:campaign_step", args=[campaign.public_id, name]),
            "done": done.get(name, False),
            "current": name == current,
        }
        for name, label in STEPS
    ]


def _context(
    request: HttpRequest,
    campaign: Campaign,
    step: str,
    form: forms.Form,
    spec: AudienceSpec | None = None,
) -> dict[str, Any]:
    names = [name for name, _ in STEPS]
    spec = spec or selectors.audience_spec(campaign, current_site(request))
    context = {
        "campaign": campaign,
        "step": step,
        "form": form,
        "steps": step_links(campaign, step, spec),
        "next_step": names[names.index(step) + 1] if step != "review" else "",
        "may_edit": current_user(request).has_role("marketer"),
    }
    return {**context, **_extra(campaign, step, spec, current_site(request))}


def _extra(campaign: Campaign, step: str, spec: AudienceSpec, site: Installation) -> dict[str, Any]:
    """What one step shows beside its form; what all of them need is handed down, so that it is read once."""
    extra: dict[str, Callable[[], dict[str, Any]]] = {
        "to": lambda: {"audience": selectors.count_audience(campaign, spec)},
        "from": lambda: _from_extra(campaign, site),
        "content": lambda: _content_extra(campaign, site),
        "schedule": lambda: _schedule_extra(campaign, spec, site),
    }
    return extra[step]() if step in extra else {}


def _from_extra(campaign: Campaign, site: Installation) -> dict[str, Any]:
    template = campaign.template
    return {
        "senders": sender_choices(site),
        "template_subject": template.subject if template else "",
        "template_preheader": template.preheader if template else "",
        "carrier": site.tracking_carrier,
        "tracking_acknowledged": site.ses_tracking_acknowledged_at is not None,
        **_inbox(campaign, site),
    }


def _content_extra(campaign: Campaign, site: Installation) -> dict[str, Any]:
    template = campaign.template
    fields = template_selectors.custom_field_defaults()
    names = template_selectors.campaign_names(template.defaults, fields) if template else []
    values = [
        {
            "name": name,
            "field": VARIABLE_PREFIX + name,
            "value": campaign.variables.get(name, ""),
            "standard": template.defaults[name],
        }
        for name in names
        if template is not None and isinstance(template.defaults[name], str)
    ]
    return {
        "values": values,
        "people": previews.recent_people(),
        "spoken": spoken_rows(template_selectors.spoken_by(campaign)),
        "language_form": LanguageForm(),
        "attached": attachments.of_campaign(campaign),
        "attachable": media.list_media(family=MediaFamily.DOCUMENT)[:100],
        "link_parameters": urlencode(publishing.link_parameters(campaign), quote_via=quote),
        **_inbox(campaign, site, fields),
    }


def spoken_rows(found: dict[str, template_selectors.Spoken]) -> list[dict[str, Any]]:
    """What a campaign says in other languages, as pages list it."""
    return [
        {"code": code, "name": languages.language_name(code), "spoken": spoken}
        for code, spoken in found.items()
    ]


def _schedule_extra(campaign: Campaign, spec: AudienceSpec, site: Installation) -> dict[str, Any]:
    audience = selectors.count_audience(campaign, spec)
    by_zone = selectors.is_local(campaign) and not audience.problem
    rate = min(site.max_send_rate or 1.0, campaign.rate_limit or site.max_send_rate or 1.0)
    left = site.max_24_hour_send - site.sent_last_24_hours
    return {
        "eligible": audience.eligible,
        "forecast": forecasts.for_people(
            audience.eligible,
            forecasts.situation(site),
            cap=campaign.rate_limit,
            kind=campaign.kind,
            start=campaign.scheduled_at,
        ),
        "rate": rate,
        "quota_left": max(0, int(left)) if site.max_24_hour_send >= 0 and site.quota_read_at else None,
        "spread": _spread(campaign, spec, site.time_zone) if by_zone else [],
        "own_zone": site.time_zone,
        "repeats": repeats_words(recurring.series_of(campaign)),
    }


def _spread(campaign: Campaign, spec: AudienceSpec, own: str) -> list[dict[str, Any]]:
    """When people of which zones get a campaign that goes by local time, the first ones first."""
    wall, now = selectors.wall_time(campaign), clock.now()
    found: dict[dt.datetime, dict[str, Any]] = {}
    for zone, count in sorted(selectors.zones_of_eligible(campaign, spec).items()):
        at = zones.instant(wall, zone, fallback=own)
        row = found.setdefault(at, {"at": at, "is_past": at <= now, "count": 0, "zones": []})
        row["count"] += count
        row["zones"].append(zone.replace("_", " ") if zones.is_known(zone) else f"not known ({own})")
    return [found[at] for at in sorted(found)]


def _inbox(campaign: Campaign, site: Installation, fields: dict[str, Any] | None = None) -> dict[str, Any]:
    """What an inbox would show: sender, subject, preheader; for an invented person."""
    if campaign.template is None:
        return {"inbox": None}
    shown = previews.preview(
        campaign.template,
        previews.sample_person(),
        subject=campaign.subject,
        preheader=campaign.preheader,
        variables=campaign.variables,
        site=site,
        fields=fields,
    )
    subject = shown.rendered.subject if shown.rendered else campaign.subject or campaign.template.subject
    return {
        "inbox": {
            "sender": campaign.sender,
            "subject": subject,
            "preheader": shown.preheader or campaign.preheader or campaign.template.preheader,
        },
        "shown": shown,
    }


def _review_context(request: HttpRequest, reading: Reading) -> dict[str, Any]:
    campaign, user = reading.campaign, current_user(request)
    found = preflight.check(campaign, actor=user, reading=reading)
    return {
        **_context(request, campaign, "review", forms.Form(), reading.spec),
        **_inbox(campaign, reading.site, reading.fields),
        "preflight": found,
        "audience": found.audience,
        "fix_urls": fix_urls(campaign),
        "variables": publishing.campaign_variables(campaign, reading.fields),
        "link_parameters": urlencode(publishing.link_parameters(campaign), quote_via=quote),
        "grace": reading.settings.grace_seconds,
        "not_started": campaign.steps_done.get("not_started", ""),
        "spoken": spoken_rows(reading.spoken),
        "attached": reading.attached,
        "measuring": _measuring(campaign, reading.site),
        "needs_tick": found.audience.eligible > 1000,
        "people": previews.recent_people(),
        "test_form": TestSendForm(initial={"addresses": user.email}),
        "cost": costs.estimate(reading, found.audience.eligible),
        "approval": approvals.shown(reading, user),
        "is_looking": not _types(request) and user.has_role("marketer") and outside_checks.ask(reading),
        "repeats": repeats_words(reading.series),
    }


def _measuring(campaign: Campaign, site: Installation) -> str:
    """What is counted of whom, and who counts."""
    counted = {"opens": publishing.tracks_opens(campaign), "clicks": publishing.tracks_clicks(campaign)}
    names = " and ".join(name for name, is_counted in counted.items() if is_counted)
    if not names:
        return "none"
    if site.tracking_carrier == Carrier.OWN:
        return f"{names}, with consent, by this site"
    if settings.SMTP_URL:
        return "none: Amazon SES would count, but does not send this mail"
    return f"{names}, with consent, by Amazon SES"


def repeats_words(series: Series | None) -> str:
    """How a campaign repeats, in words; nothing where it does not."""
    return recurring.words(series) if series and series.active else ""


def fix_urls(campaign: Campaign) -> dict[str, str]:
    """Where each kind of finding is mended."""
    urls = {name: reverse("campaigns:campaign_step", args=[campaign.public_id, name]) for name, _ in STEPS}
    urls["settings"] = reverse("accounts:settings")
    urls["repeat"] = reverse("campaigns:campaign_repeat", args=[campaign.public_id])
    if campaign.template is not None:
        urls["template"] = reverse("campaigns:template_edit", args=[campaign.template.public_id])
    return urls


@require_role("viewer")
@xframe_options_sameorigin
@require_GET
def campaign_preview(request: HttpRequest, public_id: UUID, part: str) -> HttpResponse:
    """The campaign's mail as a chosen person gets it, for a frame."""
    if part not in {Part.HTML, Part.TEXT}:
        raise Http404
    campaign = selectors.access_campaign(public_id)
    person = chosen_person(request.GET.get("person", ""))
    shown = previews.campaign_preview(
        campaign, previews.person_of(person) if person else previews.sample_person()
    )
    if shown is None:
        return frames.words("Choose a template first.")
    return frames.mail_frame(shown.rendered, part, images="images" in request.GET, dark="dark" in request.GET)
