"""The report of a campaign: the page, the sheet for paper, its tables as files, the map of clicks."""

from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_GET

from campaigns.models import Campaign, Run, RunState
from campaigns.services import archive
from campaigns.views import frames
from events import click_map
from events.machines import EXPLANATIONS
from events.selectors import overview, report, tables
from events.selectors.words import DEFINITIONS, DEVICES
from mailplatform.accounts.access import current_user, require_role
from mailplatform.core import clock, downloads
from mailplatform.core.sheets import csv_rows

from . import charts, report_scope

LIVE_FOR = timedelta(minutes=10)
# Of a mail; a newsletter has a few dozen.
MAP_LINKS = 200


@require_role("viewer")
@require_GET
def campaign_report(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show the report; a request of htmx gets its figures alone."""
    campaign, runs, scope = report_scope.chosen(request, public_id)
    context: dict[str, object] = {"campaign": campaign, "runs": runs, "run": scope[-1] if scope else None}
    if scope:
        context |= _figures(request, campaign, scope)
    is_fragment = request.headers.get("HX-Request") == "true" and scope
    return render(request, "events/report_figures.html" if is_fragment else "events/report.html", context)


def _figures(request: HttpRequest, campaign: Campaign, scope: list[Run]) -> dict[str, object]:
    shown = overview.overview(scope)
    found = shown.found
    query = _query(scope)
    address = reverse("events:campaign_people", args=[campaign.public_id])
    return {
        "shown": shown,
        "r": shown.figures,
        "cost": shown.cost,
        "b": found,
        "links": shown.links,
        "skipped": shown.skipped,
        "bounces": shown.bounces,
        "machines": [(EXPLANATIONS.get(hit.key, hit.key), hit) for hit in found.machines] if found else [],
        "devices": [(DEVICES.get(hit.key, hit.key), hit) for hit in found.devices] if found else [],
        "definitions": DEFINITIONS,
        "chart": charts.by_hour(shown.points) if shown.points else None,
        "people_url": f"{address}{query or '?'}",
        "machines_url": reverse("events:campaign_machines", args=[campaign.public_id]),
        "segment_url": reverse("events:campaign_segment", args=[campaign.public_id]),
        "may_segment": current_user(request).has_role("marketer"),
        "chosen": scope[0].number if query else 0,
        "query": query,
        "fragment_url": f"{request.path}{query}",
        "is_live": any(_is_live(run) for run in scope),
    }


def _query(scope: list[Run]) -> str:
    """Name the run where the report is of one alone: nothing else is needed to come back to it."""
    return f"?{urlencode({'run': scope[0].number})}" if len(scope) == 1 else ""


def _is_live(run: Run) -> bool:
    if run.state in {RunState.PREPARING, RunState.SENDING, RunState.PAUSED}:
        return True
    return run.finished_at is not None and clock.now() - run.finished_at < LIVE_FOR


@require_role("viewer")
@require_GET
def campaign_report_print(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show the report on one sheet of paper."""
    campaign, scope = report_scope.launched(request, public_id)
    shown = overview.overview(scope, links=8)
    context = {
        "campaign": campaign,
        "run": scope[0],
        "shown": shown,
        "r": shown.figures,
        "query": _query(scope),
        "now": clock.now(),
        "parts": shown.found.providers[:6] if shown.found else [],
        "reasons": [*shown.skipped, *shown.bounces][:6],
    }
    return render(request, "events/report_print.html", context)


@require_role("viewer")
@require_GET
def campaign_table_csv(request: HttpRequest, public_id: UUID, table: str) -> StreamingHttpResponse:
    """One table of the report as CSV. It holds figures and no person, so viewers may take it along."""
    campaign, scope = report_scope.launched(request, public_id)
    if table not in tables.TABLES:
        raise Http404
    shown = overview.overview(scope, links=1_000)
    rows = csv_rows(tables.table(table, shown))
    name = f"{table}-{campaign.public_id}.csv"
    return downloads.download(request, rows, name=name, content_type="text/csv; charset=utf-8")


@require_role("viewer")
@require_GET
def campaign_clicks(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show the clicks on the mail itself, and the same numbers in a table beside it."""
    campaign, scope = report_scope.launched(request, public_id)
    figures = report.report(scope)
    links = report.links(scope, most=MAP_LINKS)
    shown = click_map.shown_links(_copy(scope), {link.url for link in links})
    context = {
        "campaign": campaign,
        "run": scope[0],
        "r": figures,
        "rows": [(number, link, link.url in shown) for number, link in enumerate(links, start=1)],
        "not_clicked": sorted(shown - {link.url for link in links}),
        "query": _query(scope),
        "frame_url": f"{reverse('events:campaign_clicked_mail', args=[public_id])}{_query(scope)}",
        "people_url": f"{reverse('events:campaign_people', args=[public_id])}{_query(scope) or '?'}",
        "segment_url": reverse("events:campaign_segment", args=[public_id]),
        "may_segment": current_user(request).has_role("marketer"),
    }
    return render(request, "events/clicks.html", context)


@require_role("viewer")
@xframe_options_sameorigin
@require_GET
def campaign_clicked_mail(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The mail that was sent, for a frame, with a number on each link."""
    _, scope = report_scope.launched(request, public_id)
    mail = _copy(scope)
    if not mail:
        return frames.words("This mail cannot be shown any more. The table has its links.")
    people = report.report(scope).clicked
    links = report.links(scope, most=MAP_LINKS)
    marks = {
        link.url: click_map.Mark(number, link.unique, people) for number, link in enumerate(links, start=1)
    }
    marked = frames.in_scheme(click_map.annotate(mail, marks), dark="dark" in request.GET)
    return frames.framed(marked, images="images" in request.GET)


def _copy(scope: list[Run]) -> str:
    """The HTML as somebody without a name would get it; '' where it cannot be rendered."""
    try:
        return archive.neutral_copy(scope[0]).html
    except archive.NotInArchive:
        return ""
