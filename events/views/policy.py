"""The limits of the safety stop and the policy on soft bounces, with a look at what they would have done."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from events import safety
from events.forms import PolicyForm
from events.models import Policy
from events.selectors import past_runs
from events.services import policies
from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.views.tabs import settings_tabs


@require_role("admin")
@require_http_methods(["GET", "POST"])
def policy(request: HttpRequest) -> HttpResponse:
    """Show the limits; `action=preview` only looks, `action=save` saves."""
    row = policies.get()
    form = PolicyForm.of(row, request.POST if request.method == "POST" else None)
    limits = policies.limits_of(row)
    if request.method == "POST" and form.is_valid():
        limits = policies.limits_of(Policy(**form.changes()))
        if request.POST.get("action") == "save":
            policies.update(actor=current_user(request), **form.changes())
            messages.success(
                request, "Saved. The limits hold from the next look at a campaign on, within half a minute."
            )
            return redirect("events:policy")
    context = {
        "form": form,
        "tabs": settings_tabs("events:policy"),
        "tried": _tried(limits),
        "is_trial": request.method == "POST" and not form.errors,
    }
    fragment = request.headers.get("HX-Target") == "tripped"
    page = "events/policy_tripped.html" if fragment else "events/policy.html"
    return render(request, page, context, status=422 if form.errors else 200)


def _tried(limits: safety.Limits) -> list[tuple[past_runs.PastRun, safety.Danger | None]]:
    return [(run, safety.first_danger(run.figures, limits)) for run in past_runs.past_runs()]
