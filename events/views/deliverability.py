"""Will our mail arrive? Sending domains, the rules of the large mailbox providers, rates, and Amazon's own list."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST
from kombu.exceptions import OperationalError

from campaigns.selectors import daily, sending_settings
from campaigns.sending import quota, smtp
from events import periodic, safety
from events.selectors import deliverability as selector
from events.selectors import past_runs, reputation
from events.services import deliverability, policies
from mailplatform.accounts.access import current_site, current_user, require_role
from mailplatform.accounts.models import Role
from mailplatform.accounts.services import installation
from mailplatform.core import clock

from . import charts

TABS = (
    ("Domains and rules", "events:deliverability"),
    ("Rates", "events:deliverability_rates"),
    ("Inactive people", "events:deliverability_sunset"),
    ("Amazon's list", "events:deliverability_list"),
)


def tabs(current: str) -> list[dict[str, object]]:
    """Return the tabs above these pages, the one at URL name `current` marked."""
    # Amazon's list keeps nothing back from what an SMTP server sends.
    shown = TABS if smtp.server() is None else TABS[:-1]
    return [{"label": label, "url": reverse(name), "active": name == current} for label, name in shown]


@require_role("marketer")
@require_GET
def overview(request: HttpRequest) -> HttpResponse:
    """Show the last look at each domain, what the providers would say, and the safeguards."""
    work = deliverability.state()
    is_fragment = bool(request.headers.get("HX-Request"))
    if is_fragment and work and work.is_running:
        return HttpResponse(status=204)
    found, row, policy = selector.looked(), current_site(request), policies.get()
    limits = policies.limits_of(policy)
    tried = [safety.first_danger(run.figures, limits) for run in past_runs.past_runs()]
    context: dict[str, Any] = {
        "tabs": tabs("events:deliverability"),
        "work": work,
        "looked": found,
        "in_sandbox": installation.is_sandbox(row),
        "site": row,
        "smtp": smtp.server(),
        "room": quota.room(row),
        "providers": selector.judge(row, found, policy.bounce_rate),
        "policy": policy,
        "tried": len(tried),
        "stopped": sum(danger is not None for danger in tried),
        "days": past_runs.TRIED_DAYS,
        "is_admin": current_user(request).has_role(Role.ADMIN),
        **_warm_up(),
    }
    # The rules follow from the records: when a look has ended, everything below changes with it.
    return render(request, f"events/deliverability/{'main' if is_fragment else 'overview'}.html", context)


def _warm_up() -> dict[str, Any]:
    row, now = sending_settings.get(), clock.now()
    midnight = daily.start_of_day(now)
    today = daily.warm_up_limit(row, midnight.date())
    return {
        "warm_up": row,
        "warm_up_today": today,
        "warm_up_used": daily.sent_since(midnight) if today is not None else 0,
    }


@require_role("marketer")
@require_POST
def look(request: HttpRequest) -> HttpResponse:
    """Let a worker look at account and domains now."""
    if not deliverability.begin():
        messages.info(request, "A worker is at it already.")
    else:
        try:
            periodic.look_at_domains.delay()
        except OperationalError:
            deliverability.give_up()
            messages.error(
                request, "The queue cannot be reached. Nothing was started; try again in a moment."
            )
    return redirect("events:deliverability")


@require_role("marketer")
@require_GET
def rates(request: HttpRequest) -> HttpResponse:
    """Show bounces and complaints per day, campaign and provider."""
    asked = request.GET.get("days", "")
    days = next((number for number in reputation.DAYS if str(number) == asked), reputation.DAYS[0])
    by_day = reputation.by_day(days)
    by_provider = reputation.by_provider(days)
    context = {
        "tabs": tabs("events:deliverability_rates"),
        "days": days,
        "choices": reputation.DAYS,
        "chart": charts.by_day_bad(by_day),
        "by_day": [row for row in reversed(by_day) if row[1] != reputation.Counted()],
        "by_campaign": reputation.by_campaign(days),
        "by_provider": by_provider,
        "counted_at": min((row.at for row in by_provider), default=None),
        "most": reputation.MOST,
        "policy": policies.get(),
    }
    return render(request, "events/deliverability/rates.html", context)
