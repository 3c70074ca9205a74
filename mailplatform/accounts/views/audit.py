"""The audit log."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from .. import selectors
from ..access import require_role
from .tabs import settings_tabs


@require_role("admin")
@require_GET
def audit_log(request: HttpRequest) -> HttpResponse:
    """Show who did what, newest first."""
    action = request.GET.get("action", "")[:60]
    page = selectors.audit_page(
        before=_id(request.GET.get("before")), after=_id(request.GET.get("after")), action=action
    )
    context = {
        "page": page,
        "action": action,
        "actions": selectors.audit_actions(),
        "tabs": settings_tabs("accounts:audit_log"),
    }
    return render(request, "account/audit_log.html", context)


def _id(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 19 else None
