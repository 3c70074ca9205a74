"""The limits of the safety stop and the policy on soft bounces, with a look at what they would have done."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from events import safety
from events.forms import PolicyForm
from events.models import Policy
from events.selectors import past_runs
from events.services import policies
from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import Role
from mailplatform.accounts.views.tabs import settings_tabs


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def policy(request: HttpRequest) -> HttpResponseBase:
    """Show the limits and what they would have done; an administrator tries others and saves."""
    if request.method == "POST":
        return _change(request)
    row = policies.get()
    return _page(request, PolicyForm.of(row), policies.limits_of(row))


@require_role("admin")
def _change(request: HttpRequest) -> HttpResponse:
    """Look with the limits typed in; `action=save` saves them."""
    row = policies.get()
    form = PolicyForm.of(row, request.POST)
    if not form.is_valid():
        return _page(request, form, policies.limits_of(row))
    if request.POST.get("action") == "save":
        policies.update(actor=current_user(request), **form.changes())
        messages.success(
            request, "Saved. The limits hold from the next look at a campaign on, within half a minute."
        )
        return redirect("events:policy")
    return _page(request, form, policies.limits_of(Policy(**form.changes())))


def _page(request: HttpRequest, form: PolicyForm, limits: safety.Limits) -> HttpResponse:
    may_edit = current_user(request).has_role(Role.ADMIN)
    for field in form.fields.values():
        field.disabled = not may_edit
    context = {
        "form": form,
        "tabs": settings_tabs("events:policy") if may_edit else [],
        "may_edit": may_edit,
        "tried": _tried(limits),
        "days": past_runs.TRIED_DAYS,
        "is_trial": form.is_bound and not form.errors,
    }
    fragment = request.headers.get("HX-Target") == "tripped"
    page = "events/policy_tripped.html" if fragment else "events/policy.html"
    return render(request, page, context, status=422 if form.errors else 200)


def _tried(limits: safety.Limits) -> list[tuple[past_runs.PastRun, safety.Danger | None]]:
    return [(run, safety.first_danger(run.figures, limits)) for run in past_runs.past_runs()]
