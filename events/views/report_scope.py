"""Which campaign and which of its runs a page of reports is about."""

from uuid import UUID

from django.http import Http404, HttpRequest

from campaigns.models import Campaign, Run
from campaigns.selectors import campaigns
from events.selectors import report
from mailplatform.core.numbers import whole


def chosen(request: HttpRequest, public_id: UUID) -> tuple[Campaign, list[Run], list[Run]]:
    """Return the campaign, its runs, and those that the report is about: one, or the launch with its retries."""
    campaign = campaigns.access_campaign(public_id)
    runs = list(campaign.runs.order_by("-number"))
    wanted = whole(request.GET.get("run"))
    if not wanted:
        return campaign, runs, report.scope_of(runs)
    found = [run for run in runs if run.number == wanted]
    if not found:
        raise Http404
    return campaign, runs, found


def launched(request: HttpRequest, public_id: UUID) -> tuple[Campaign, list[Run]]:
    """Return the campaign and the runs that the report is about; 404 where nothing was ever launched."""
    campaign, _, scope = chosen(request, public_id)
    if not scope:
        raise Http404
    return campaign, scope
