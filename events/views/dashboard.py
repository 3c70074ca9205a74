"""The first page."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from events.selectors import dashboard, needs, report
from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.services import installation

from .charts import by_day


@require_role("viewer")
def show(request: HttpRequest) -> HttpResponse:
    """Show how things are; on a new installation, what to do first."""
    site = installation.get()
    found = dashboard.dashboard(site)
    figures = report.report(found.last_run) if found.last_run else None
    chart = by_day(found.sent_by_day, found.joined_by_day)
    waiting = needs.needs(current_user(request), site)
    context = {"d": found, "last": figures, "chart": chart, "needs": waiting}
    return render(request, "events/dashboard.html", context)
