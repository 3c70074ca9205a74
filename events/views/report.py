"""The report of a campaign, the people behind its numbers, and one person's timeline."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.views.decorators.http import require_POST

from campaigns.models import Campaign, Run, RunState
from campaigns.selectors import campaigns, costs
from events.machines import EXPLANATIONS
from events.selectors import breakdown, machine_hits, past_runs, people, report, timeline
from events.services import bouncing, reactions
from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.services import audit
from mailplatform.core import clock, downloads
from mailplatform.core.sheets import csv_rows
from subscribers.models import MailingList, Segment, Subscriber

from . import charts

LIVE_FOR = timedelta(minutes=10)
DEVICES = {"desktop": "Computers", "mobile": "Phones", "tablet": "Tablets", "other": "Other", "": "Unknown"}


@require_role("viewer")
def campaign_report(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Show the report; a request of htmx gets its figures alone."""
    campaign, runs, scope = _scope(request, public_id)
    context: dict[str, object] = {"campaign": campaign, "runs": runs, "run": scope[-1] if scope else None}
    if scope:
        context |= _figures(request, public_id, scope)
    page = (
        "events/report_figures.html"
        if request.headers.get("HX-Request") == "true" and scope
        else "events/report.html"
    )
    return render(request, page, context)


def _figures(request: HttpRequest, public_id: UUID, scope: list[Run]) -> dict[str, object]:
    parts = [breakdown.breakdown(run) for run in scope]
    known = [part for part in parts if part is not None]
    figures = report.report(scope, parts)
    found = breakdown.merged(known) if len(known) == len(scope) else None
    points = report.hours(scope)
    chosen = scope[0].number if len(scope) == 1 else 0
    address = reverse("events:campaign_people", args=[public_id])
    return {
        "r": figures,
        "cost": costs.of_runs(scope, accepted=figures.accepted),
        "b": found,
        "average": past_runs.average(scope[0]),
        "links": report.links(scope),
        "skipped": report.skipped_reasons(found, is_whole=len(scope) > 1) if found else [],
        "bounces": report.bounce_reasons(found) if found else [],
        "machines": [(EXPLANATIONS.get(hit.key, hit.key), hit) for hit in found.machines] if found else [],
        "devices": [(DEVICES.get(hit.key, hit.key), hit) for hit in found.devices] if found else [],
        "chart": charts.by_hour(points) if points else None,
        "people_url": f"{address}?run={chosen}" if chosen else f"{address}?",
        "machines_url": reverse("events:campaign_machines", args=[public_id]),
        "segment_url": reverse("events:campaign_segment", args=[public_id]),
        "may_segment": current_user(request).has_role("marketer"),
        "chosen": chosen,
        "fragment_url": f"{request.path}?{urlencode({'run': chosen})}" if chosen else request.path,
        "is_live": any(_is_live(run) for run in scope),
        "is_whole": len(scope) > 1,
    }


@require_role("viewer")
def campaign_people(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """List the people behind one number."""
    campaign, _, scope = _scope(request, public_id)
    choice = choice_of(request)
    if not scope:
        raise Http404
    page = people.page(scope, choice, after=_number(request, "after"), before=_number(request, "before"))
    query = request.GET.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    base = f"{request.path}?{query.urlencode()}"
    count = people.count(scope, choice)
    context = {
        "campaign": campaign,
        "title": people.GROUPS[choice.who].title,
        "narrowed": _narrowed(scope, choice),
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
    campaign, _, scope = _scope(request, public_id)
    choice = choice_of(request)
    if not scope:
        raise Http404
    detail = {"who": choice.who, "runs": [run.number for run in scope], "reason": choice.reason}
    audit.record(actor=current_user(request), action="report.exported", obj=campaign, detail=detail)
    rows = csv_rows(_lines(scope, choice))
    return downloads.download(request, rows, name=f"{choice.who}.csv", content_type="text/csv; charset=utf-8")


def _lines(scope: list[Run], choice: people.Choice) -> Iterator[list[str]]:
    yield ["email", "name", "state", "reason", "at"]
    for row in people.stream(scope, choice):
        yield [row.email, row.name, row.state, row.reason, row.at.isoformat() if row.at else ""]


@require_role("viewer")
def campaign_machines(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Every open and click that was put down to a machine, with the reason."""
    campaign, _, scope = _scope(request, public_id)
    if not scope:
        raise Http404
    reason = request.GET.get("reason", "")
    reason = reason if reason in EXPLANATIONS else ""
    page = machine_hits.page(scope, reason=reason, after=request.GET.get("after", ""))
    query = {name: request.GET[name] for name in ("run", "reason") if request.GET.get(name)}
    context = {
        "campaign": campaign,
        "rows": page.rows,
        "reason": EXPLANATIONS.get(reason, ""),
        "next_url": f"{request.path}?{urlencode({**query, 'after': page.next_after})}"
        if page.next_after
        else "",
    }
    return render(request, "events/machines.html", context)


@require_role("marketer")
@require_POST
def campaign_segment(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Make a segment of the people behind a number."""
    campaign = campaigns.access_campaign(public_id)
    link_id = _whole(request.POST.get("link", ""))
    try:
        segment = reactions.make_segment(
            campaign=campaign, who=request.POST.get("who", ""), link_id=link_id, actor=current_user(request)
        )
    except reactions.NoSuchReaction as error:
        raise Http404 from error
    messages.success(
        request, f"The segment “{segment.name}” chooses these people, as far as they still allow it."
    )
    return redirect("subscribers:segment_edit", segment.public_id)


@require_role("viewer")
def subscriber_timeline(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The fragment with what happened between us and one person."""
    person = get_object_or_404(Subscriber, public_id=public_id)
    entries = timeline.timeline(person, before=_before(request))
    more = len(entries) > timeline.PAGE
    entries = entries[: timeline.PAGE]
    older = f"{request.path}?{urlencode({'before': entries[-1].at.isoformat()})}" if more else ""
    context: dict[str, object] = {"entries": entries, "older_url": older}
    if "before" not in request.GET:
        context["soft_bounces"], context["policy"] = bouncing.soft_bounces_of(person)
    return render(request, "events/timeline.html", context)


def _before(request: HttpRequest) -> datetime:
    try:
        found = parse_datetime(request.GET.get("before", ""))
    except ValueError:
        found = None
    return found if found is not None and found.tzinfo else clock.now() + timedelta(days=1)


def _scope(request: HttpRequest, public_id: UUID) -> tuple[Campaign, list[Run], list[Run]]:
    """Return the campaign, its runs, and those that the report is about: one, or the launch with its retries."""
    campaign = campaigns.access_campaign(public_id)
    runs = list(campaign.runs.order_by("-number"))
    wanted = _number(request, "run")
    if not wanted:
        return campaign, runs, report.scope_of(runs)
    chosen = [run for run in runs if run.number == wanted]
    if not chosen:
        raise Http404
    return campaign, runs, chosen


def _is_live(run: Run) -> bool:
    if run.state in {RunState.PREPARING, RunState.SENDING, RunState.PAUSED}:
        return True
    return run.finished_at is not None and clock.now() - run.finished_at < LIVE_FOR


def choice_of(request: HttpRequest) -> people.Choice:
    """Read which people are asked for."""
    who = request.GET.get("who", "audience")
    if who not in people.GROUPS:
        raise Http404
    reason = request.GET.get("reason")
    return people.Choice(
        who,
        _text(reason or ""),
        reason is not None,
        _number(request, "link"),
        provider=_text(request.GET["provider"]) if "provider" in request.GET else None,
        list_id=_number(request, "list"),
        segment_id=_number(request, "segment"),
        device=_text(request.GET["device"]) if "device" in request.GET else None,
        machine=_text(request.GET.get("machine", "")),
    )


def _text(value: str) -> str:
    return value[:200].replace("\0", "")


def _narrowed(scope: list[Run], choice: people.Choice) -> list[str]:
    """Say in words what narrows the group."""
    found = []
    if choice.has_reason:
        found.append(
            people.Person(0, None, "", "", "", choice.reason, None).reason_words or "no reason given"
        )
    if choice.link_id:
        found += [link.url for link in report.links(scope) if link.id == choice.link_id]
    if choice.provider is not None:
        found.append(f"at {choice.provider or 'an unknown provider'}")
    if choice.list_id:
        found += MailingList.objects.filter(pk=choice.list_id).values_list("name", flat=True)
    if choice.segment_id:
        found += Segment.objects.filter(pk=choice.segment_id).values_list("name", flat=True)
    if choice.device is not None:
        found.append(DEVICES.get(choice.device, choice.device))
    if choice.machine:
        found.append(EXPLANATIONS.get(choice.machine, choice.machine))
    return found


def _number(request: HttpRequest, name: str) -> int:
    return _whole(request.GET.get(name, ""))


def _whole(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 18 else 0
