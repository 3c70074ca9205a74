"""The report of a campaign, the people behind its numbers, and one person's timeline."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format

from campaigns.models import Campaign, Run, RunState
from campaigns.selectors import campaigns
from events.machines import EXPLANATIONS
from events.selectors import people, report, timeline
from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.services import audit
from mailplatform.core import clock, downloads
from subscribers.models import Subscriber

from . import charts
from .sheets import csv_rows

LIVE_FOR = timedelta(minutes=10)


@require_role("viewer")
def campaign_report(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show the report; a request of htmx gets its figures alone."""
    campaign, runs, run = _run(request, public_id)
    context: dict[str, object] = {"campaign": campaign, "runs": runs, "run": run}
    if run is not None:
        points = report.hours(run)
        context |= {
            "r": report.report(run),
            "links": report.links(run),
            "skipped": report.skipped_reasons(run),
            "bounces": report.bounce_reasons(run),
            "machines": [
                (EXPLANATIONS.get(code, code), number) for code, number in report.machine_reasons(run)
            ],
            "chart": charts.by_hour(points) if points else None,
            "people_url": reverse("events:campaign_people", args=[public_id]),
            "fragment_url": f"{request.path}?{urlencode({'run': run.number})}",
            "is_live": _is_live(run),
        }
    page = (
        "events/report_figures.html"
        if request.headers.get("HX-Request") == "true" and run
        else "events/report.html"
    )
    return render(request, page, context)


@require_role("viewer")
def campaign_people(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """List the people behind one number."""
    campaign, _, run = _run(request, public_id)
    choice = _choice(request)
    if run is None:
        raise Http404
    page = people.page(run, choice, after=_number(request, "after"), before=_number(request, "before"))
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    base = f"{request.path}?{query.urlencode()}"
    count = people.count(run, choice)
    context = {
        "campaign": campaign,
        "run": run,
        "title": people.GROUPS[choice.who].title,
        "reason": people.Person(0, None, "", "", "", choice.reason, None).reason_words
        if choice.has_reason
        else "",
        "link": _link_of(run, choice),
        "count": count,
        "pager_text": f"{number_format(count, force_grouping=True)} in all",
        "page": page,
        "next_url": f"{base}&after={page.next_after}" if page.next_after else "",
        "previous_url": f"{base}&before={page.previous_before}" if page.previous_before else "",
        "csv_url": f"{reverse('events:campaign_people_csv', args=[public_id])}?{query.urlencode()}",
        "may_export": current_user(request).has_role("marketer"),
    }
    return render(request, "events/people.html", context)


@require_role("marketer")
def campaign_people_csv(request: HttpRequest, public_id: UUID) -> StreamingHttpResponse:
    """Stream the people behind one number as CSV: one row per person counted, and one audit entry."""
    campaign, _, run = _run(request, public_id)
    choice = _choice(request)
    if run is None:
        raise Http404
    audit.record(
        actor=current_user(request), action="report.exported", obj=campaign,
        detail={"who": choice.who, "run": run.number, "reason": choice.reason},
    )  # fmt: skip
    rows = csv_rows(_lines(run, choice))
    return downloads.download(request, rows, name=f"{choice.who}.csv", content_type="text/csv; charset=utf-8")


def _lines(run: Run, choice: people.Choice) -> Iterator[list[str]]:
    yield ["email", "name", "state", "reason", "at"]
    for row in people.stream(run, choice):
        yield [row.email, row.name, row.state, row.reason, row.at.isoformat() if row.at else ""]


@require_role("viewer")
def subscriber_timeline(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The fragment with what happened between us and one person."""
    person = get_object_or_404(Subscriber, public_id=public_id)
    entries = timeline.timeline(person, before=_before(request))
    more = len(entries) > timeline.PAGE
    entries = entries[: timeline.PAGE]
    older = f"{request.path}?{urlencode({'before': entries[-1].at.isoformat()})}" if more else ""
    return render(request, "events/timeline.html", {"entries": entries, "older_url": older})


def _before(request: HttpRequest) -> datetime:
    try:
        found = parse_datetime(request.GET.get("before", ""))
    except ValueError:
        found = None
    return found if found is not None and found.tzinfo else clock.now() + timedelta(days=1)


def _run(request: HttpRequest, public_id: UUID) -> tuple[Campaign, list[Run], Run | None]:
    campaign = campaigns.access_campaign(public_id)
    runs = list(campaign.runs.order_by("-number"))
    wanted = _number(request, "run")
    run = next((run for run in runs if run.number == wanted), runs[0] if runs and not wanted else None)
    if wanted and run is None:
        raise Http404
    return campaign, runs, run


def _is_live(run: Run) -> bool:
    if run.state in {RunState.PREPARING, RunState.SENDING, RunState.PAUSED}:
        return True
    return run.finished_at is not None and clock.now() - run.finished_at < LIVE_FOR


def _choice(request: HttpRequest) -> people.Choice:
    who = request.GET.get("who", "audience")
    if who not in people.GROUPS:
        raise Http404
    reason = request.GET.get("reason")
    return people.Choice(
        who, (reason or "")[:200].replace("\0", ""), reason is not None, _number(request, "link")
    )


def _link_of(run: Run, choice: people.Choice) -> str:
    if not choice.link_id:
        return ""
    return next((link.url for link in report.links(run) if link.id == choice.link_id), "")


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else 0
