"""Retention on one page: how long what is kept, whom a rule would touch, what the runs did."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.views.tabs import settings_tabs

from ..models import RetentionRun
from ..services import retention as service

RUNS = 30
# What no rule can change, with its reason.
FIXED = (
    ("Consent register", "Kept: it proves why mail was sent. Erasure takes the personal data beside it."),
    ("Suppressions", "Kept as keyed hashes: they name nobody, and keep people from being mailed again."),
    ("Pending sign-ups", "14 days, then forgotten. The link in the mail holds for 7."),
    (
        "Imports",
        "Files go when the import is over. Refused rows stay 30 days, files that nobody went on with 7.",
    ),
    ("Exports", "None is kept: each is made while it is downloaded, and noted in the audit log."),
    ("Calls to Amazon and the log of webhooks", "30 days."),
)


@require_role("admin")
@require_http_methods(["GET", "POST"])
def retention(request: HttpRequest) -> HttpResponse:
    """Show the rules; POST saves one, `?look=` says whom one would touch."""
    if request.method == "POST":
        return _save(request)
    looked, wrong = _look(request)
    names = {setting.kind.key: setting.kind.label for setting in service.settings()}
    context = {
        "tabs": settings_tabs("subscribers:retention"),
        "settings": service.settings(),
        "fixed": FIXED,
        "looked": looked,
        "wrong": wrong,
        "runs": [(run, names.get(run.key, run.key)) for run in RetentionRun.objects.all()[:RUNS]],
    }
    return render(request, "subscribers/retention.html", context, status=422 if wrong else 200)


def _save(request: HttpRequest) -> HttpResponse:
    text = request.POST.get("months", "").strip()
    try:
        months = _months(text) if text else None
        service.set_months(key=request.POST.get("key", ""), months=months, actor=current_user(request))
    except service.RetentionError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "Saved. The rule runs once a day." if months else "Saved. This is kept.")
    return redirect("subscribers:retention")


def _look(request: HttpRequest) -> tuple[dict[str, Any] | None, str]:
    key = request.GET.get("look", "")
    if not key:
        return None, ""
    try:
        months = _months(request.GET.get("months", "").strip())
        found = service.look(key=key, months=months)
    except service.RetentionError as error:
        return None, str(error)
    label = next(setting.kind.label for setting in service.settings() if setting.kind.key == key)
    return {"found": found, "months": months, "label": label}, ""


def _months(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise service.RetentionError("Write the months as a whole number.")
    return int(text)
