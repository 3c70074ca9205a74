"""The audit log."""

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_POST

from mailplatform.core import clock, sheets
from mailplatform.core.downloads import download
from mailplatform.core.numbers import whole

from .. import selectors
from ..access import current_user, require_role
from ..services import audit as service
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


@require_role("admin")
@require_POST
def audit_log_export(request: HttpRequest) -> StreamingHttpResponse:
    """Send the whole log, or the entries of one kind, as CSV; that it was taken stands in it."""
    action = request.POST.get("action", "")[:60]
    service.record(actor=current_user(request), action="audit_log.exported", detail={"kind": action or "all"})
    name = f"audit-log-{clock.now():%Y-%m-%d}.csv"
    rows = sheets.csv_rows(selectors.audit_rows(action))
    return download(request, rows, name=name, content_type="text/csv; charset=utf-8")


def _id(text: str | None) -> int | None:
    return whole(text) or None
