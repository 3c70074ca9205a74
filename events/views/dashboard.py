"""The first page, and how lists grow."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from events.selectors import dashboard, growth, needs, report
from events.services import growing
from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.services import installation
from mailplatform.core import clock

from .charts import by_day, by_week

LISTS = 6


@require_role("viewer")
def show(request: HttpRequest) -> HttpResponse:
    """Show how things are; on a new installation, what to do first."""
    site = installation.get()
    found = dashboard.dashboard(site)
    figures = report.report(list(found.last_run.campaign.runs.all())) if found.last_run else None
    chart = by_day(found.sent_by_day, found.joined_by_day)
    waiting = needs.needs(current_user(request), site)
    grown = growth.growth(growing.first_week(clock.now()))
    context = {
        "d": found,
        "last": figures,
        "chart": chart,
        "needs": waiting,
        "grown": grown.everybody.month if grown.everybody else None,
        "lists": grown.lists[:LISTS],
    }
    return render(request, "events/dashboard.html", context)


@require_role("viewer")
@require_GET
def list_growth(request: HttpRequest) -> HttpResponse:
    """Show who joined, left and bounced by week: of everybody, or of one list."""
    grown = growth.growth(growing.first_week(clock.now()))
    wanted = request.GET.get("list", "")
    shown = next((one for one in grown.lists if str(one.list_id) == wanted), grown.everybody)
    context = {
        "grown": grown,
        "shown": shown,
        "weeks": list(reversed(shown.weeks)) if shown else [],
        "chart": by_week(shown.weeks) if shown else None,
    }
    return render(request, "events/growth.html", context)
