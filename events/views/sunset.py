"""The sunset policy: who stopped reading, when they are asked, and who is kept back."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from events.forms import ReleaseForm, SunsetForm
from events.models import Policy
from events.selectors import sunset as selector
from events.services import policies, sunset
from mailplatform.accounts.access import current_user, require_recent_sign_in, require_role
from mailplatform.accounts.models import Role

from .deliverability import tabs


@require_role("marketer")
@require_http_methods(["GET", "POST"])
def policy(request: HttpRequest) -> HttpResponseBase:
    """Show the policy and how many people it found; an administrator changes it."""
    return _change(request) if request.method == "POST" else _page(request)


@require_role("admin")
def _change(request: HttpRequest) -> HttpResponseBase:
    return _release(request) if request.POST.get("action") == "release" else _save(request)


def _save(request: HttpRequest) -> HttpResponseBase:
    form = SunsetForm.of(policies.get(), request.POST)
    if form.is_valid():
        try:
            sunset.save(actor=current_user(request), **form.cleaned_data)
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Saved. People are looked for once a day.")
            return redirect("events:deliverability_sunset")
    return _page(request, form=form)


def _release(request: HttpRequest) -> HttpResponseBase:
    require_recent_sign_in(request)
    form = ReleaseForm(request.POST)
    if not form.is_valid():
        return _page(request, release=form)
    number = sunset.release(actor=current_user(request), because=form.cleaned_data["because"])
    messages.success(
        request, f"{number:,} {'person gets' if number == 1 else 'people get'} marketing mail again."
    )
    return redirect("events:deliverability_sunset")


def _page(
    request: HttpRequest, *, form: SunsetForm | None = None, release: ReleaseForm | None = None
) -> HttpResponse:
    row: Policy = policies.get()
    context = {
        "tabs": tabs("events:deliverability_sunset"),
        "row": row,
        "form": form or SunsetForm.of(row),
        "release": release or ReleaseForm(),
        "counts": selector.counts(),
        "segment": row.sunset_segment,
        "may_edit": current_user(request).has_role(Role.ADMIN),
    }
    status = 422 if form or release else 200
    return render(request, "events/deliverability/sunset.html", context, status=status)
