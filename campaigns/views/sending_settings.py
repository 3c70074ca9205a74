"""The page about sending: what Amazon allows, the warm-up plan, what was sent, and the rules."""

import datetime as dt
from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_http_methods, require_POST

from mailplatform.accounts.access import current_site, current_user, require_role
from mailplatform.accounts.models import Role
from mailplatform.accounts.views.tabs import settings_tabs
from mailplatform.aws import errors, session
from mailplatform.core import clock

from ..forms.sending_settings import SUGGESTED, PricesForm, RulesForm, WarmUpForm
from ..models import SendingSettings
from ..selectors import daily, forecast
from ..selectors import sending as selectors
from ..sending import quota, smtp
from ..services import sending_settings

_PLAN = "warm_up"


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def sending_settings_page(request: HttpRequest) -> HttpResponseBase:
    """Show everything; an administrator saves the section that was sent."""
    section = request.POST.get("section", "") if request.method == "POST" else None
    row = sending_settings.get()
    shown: dict[str, forms.Form] = {
        _PLAN: WarmUpForm(request.POST if section == _PLAN else None, initial=_plan_initial(row)),
        "rules": RulesForm(request.POST if section == "rules" else None, initial=_initial(row, RulesForm)),
        "prices": PricesForm(
            request.POST if section == "prices" else None, initial=_initial(row, PricesForm)
        ),
    }
    form = shown.get(section or "")
    if request.method == "POST":
        return _save(request, row, shown, form)
    return _page(request, row, shown)


@require_role("admin")
@require_http_methods(["POST"])
def _save(
    request: HttpRequest,
    row: SendingSettings,
    shown: dict[str, forms.Form],
    form: forms.Form | None,
) -> HttpResponse:
    if form is None or not form.is_valid():
        return _page(request, row, shown, status=422)
    try:
        sending_settings.update(actor=current_user(request), **form.cleaned_data)
    except sending_settings.InvalidSetting as error:
        for name, words in error.problems.items():
            form.add_error(name if name in form.fields else None, words)
        return _page(request, row, shown, status=422)
    messages.success(request, "Saved. Workers take it up within a few seconds.")
    return redirect("campaigns:sending_settings")


@require_role("marketer")
@require_POST
def read_account(request: HttpRequest) -> HttpResponse:
    """Ask Amazon for rate and quota now."""
    try:
        row = quota.refresh()
    except (errors.AccountUnreadableError, session.AwsConfigurationError) as error:
        messages.error(request, f"Amazon SES did not tell: {error}")
    else:
        sending_settings.wake_parked()
        messages.success(request, f"Read: {row.max_send_rate:g} per second.")
    return redirect("campaigns:sending_settings")


def _page(
    request: HttpRequest,
    row: SendingSettings,
    shown: dict[str, forms.Form],
    status: int = 200,
) -> HttpResponse:
    now, site = clock.now(), current_site(request)
    sent = daily.sent_lately(now, since=site.quota_read_at, hours=forecast.HOURS)
    hours, situation = sent.hours[-24:], forecast.situation(site, sent, row)
    is_admin = current_user(request).has_role(Role.ADMIN)
    context = {
        "tabs": settings_tabs("campaigns:sending_settings") if is_admin else [],
        "row": row,
        "site": site,
        "may_edit": is_admin,
        "forms": shown,
        "room": quota.room(site),
        "smtp": smtp.server(),
        "obstacle": quota.obstacle(site) if site.quota_read_at else "",
        "chart": _chart(hours),
        "sent": sum(count for _, count in hours),
        "days": _days(row, now),
        "today": daily.warm_up_limit(row, now.astimezone(dt.UTC).date()),
        "sent_today": sent.today,
        "suggested": " ".join(str(number) for number in SUGGESTED),
        "at_work": [run for run in selectors.runs_at_work() if run.live],
        "forecasts": [(count, forecast.for_people(count, situation)) for count in (1_000, 10_000, 100_000)],
    }
    return render(request, "campaigns/sending_settings.html", context, status=status)


def _plan_initial(row: SendingSettings) -> dict[str, Any]:
    plan = " ".join(str(number) for number in row.warm_up_plan)
    return {"warm_up_started_on": row.warm_up_started_on, "warm_up_plan": plan}


def _initial(row: SendingSettings, form: type[forms.Form]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in form.base_fields}


def _days(row: SendingSettings, now: dt.datetime) -> list[dict[str, Any]]:
    """The plan day by day, with today marked."""
    if row.warm_up_started_on is None:
        return []
    today = now.astimezone(dt.UTC).date()
    days = []
    for number, limit in enumerate(row.warm_up_plan):
        day = row.warm_up_started_on + dt.timedelta(days=number)
        days.append(
            {"number": number + 1, "day": day, "limit": limit, "today": day == today, "past": day < today}
        )
    return days


def _chart(hours: list[tuple[dt.datetime, int]]) -> dict[str, Any]:
    series = [{"label": "Recipients", "colour": "blue"}]
    rows = [
        {"label": date_format(timezone.localtime(at), "D j M, H:i"), "values": [count]} for at, count in hours
    ]
    data = [{**series[0], "values": [count for _, count in hours]}]
    x = [int(at.timestamp()) for at, _ in hours]
    zone = timezone.get_current_timezone_name()
    return {"series": series, "rows": rows, "data": {"kind": "bars", "x": x, "zone": zone, "series": data}}
