"""The settings page: one form per section, each saved for itself."""

from typing import Any
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from mailplatform.core import clock

from .. import selectors, vault
from ..access import current_user, has_signed_in_lately, require_role
from ..forms import AddressForm, AmazonForm, CompanyForm, SenderForm, SignInForm, TrackingForm
from ..models import Carrier, Installation, User
from ..services import installation
from .tabs import settings_tabs

TITLES = {
    "company": ("Who sends", "Shown at the foot of every mail and on the pages that readers see."),
    "sender": ("Default sender", "New campaigns begin with this sender."),
    "amazon": ("Amazon SES", "Where mail leaves from, and how this installation signs in there."),
    "address": ("Public address", "Where readers' links and Amazon's event messages arrive."),
    "tracking": ("Measuring", "Off unless you switch it on, and only ever for people who consented."),
    "sign_in": ("Signing in", "For everybody in the team. Who has what stands under Team."),
}
# Sections with which an account could be taken over: who changes them must have signed in lately.
GUARDED = {"amazon", "sign_in"}


def _forms(
    row: Installation, user: User, section: str = "", data: Any = None
) -> dict[str, forms.Form | forms.ModelForm[Any]]:
    def given(name: str) -> dict[str, Any]:
        return {"instance": row, "data": data if name == section else None, "prefix": name}

    return {
        "company": CompanyForm(**given("company")),
        "sender": SenderForm(**given("sender")),
        "amazon": AmazonForm(**given("amazon")),
        "address": AddressForm(sandbox=installation.is_sandbox(row), **given("address")),
        "tracking": TrackingForm(**given("tracking")),
        "sign_in": SignInForm(has_one=selectors.has_second_factor(user), **given("sign_in")),
    }


def _changes(form: forms.Form | forms.ModelForm[Any], row: Installation) -> dict[str, Any]:
    if isinstance(form, AmazonForm):
        return form.changes()
    changes = dict(form.cleaned_data)
    if isinstance(form, TrackingForm):
        acknowledged = changes.pop("acknowledged")
        before = row.ses_tracking_acknowledged_at
        # Where this site counts it is not asked for, and what was said before stays.
        if changes["tracking_carrier"] == Carrier.SES:
            changes["ses_tracking_acknowledged_at"] = (before or clock.now()) if acknowledged else None
    return changes


@require_role("admin")
@sensitive_post_parameters("amazon-secret_access_key")
@require_http_methods(["GET", "POST"])
def settings_page(request: HttpRequest) -> HttpResponse:
    """Show every section; save the one that was sent."""
    section = request.POST.get("section", "")
    if section in GUARDED and not has_signed_in_lately(request):
        return _ask_who_it_is(request, section)
    # Validation writes into the instance, so each gets a row of its own.
    data = request.POST if request.method == "POST" else None
    shown = _forms(installation.get(), current_user(request), section, data)
    form = shown.get(section)
    if form is not None and form.is_valid():
        changes = _changes(form, installation.get())
        installation.update(actor=current_user(request), **changes)
        messages.success(request, f"{TITLES[section][0]}: saved.")
        return redirect(f"{reverse('accounts:settings')}#{section}")
    sections = [(name, *TITLES[name], form) for name, form in shown.items()]
    context = {
        "sections": sections,
        "tabs": settings_tabs("accounts:settings"),
        **_amazon(installation.get()),
    }
    return render(request, "account/settings.html", context, status=422 if form is not None else 200)


def _ask_who_it_is(request: HttpRequest, section: str) -> HttpResponse:
    """Ask for the password first. The request is not kept to be repeated: it may hold a secret key."""
    messages.info(
        request, f"{TITLES[section][0]}: show that it is you, then enter it again. Nothing was saved."
    )
    page = reverse("accounts:settings")
    return redirect(f"{reverse('account_reauthenticate')}?{urlencode({'next': f'{page}#{section}'})}")


def _amazon(row: Installation) -> dict[str, Any]:
    try:
        keys = installation.credentials()
        problem = ""
    except vault.SecretUnreadable as error:
        keys, problem = None, str(error)
    return {
        "row": row,
        "test_url": reverse("campaigns:send_me_a_test"),
        "key_problem": problem,
        "uses_role": keys is None and not problem,
        "region_in_use": installation.region(row),
        "address_in_use": installation.public_url(row),
        "in_sandbox": installation.is_sandbox(row),
    }
