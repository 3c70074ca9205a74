"""The people behind the numbers of a report: a page, a file, a segment; machines; one person's timeline."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.formats import number_format
from django.views.decorators.http import require_POST

from campaigns.models import Run
from campaigns.selectors import campaigns
from events.machines import EXPLANATIONS
from events.models import Link
from events.selectors import machine_hits, people, timeline
from events.selectors.words import DEVICES
from events.services import bouncing, reactions
from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.services import audit
from mailplatform.core import clock, downloads
from mailplatform.core.numbers import whole
from mailplatform.core.sheets import csv_rows
from subscribers.models import MailingList, Segment, Subscriber

from . import report_scope


@require_role("viewer")
def campaign_people(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """List the people behind one number."""
    campaign, scope = report_scope.launched(request, public_id)
    given = request.GET
    choice = choice_of(given)
    page = people.page(scope, choice, after=whole(given.get("after")), before=whole(given.get("before")))
    query = given.copy()
    for name in ("after", "before"):
        query.pop(name, None)
    base = f"{request.path}?{query.urlencode()}"
    count = people.count(scope, choice)
    is_marketer = current_user(request).has_role("marketer")
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
        "may_export": is_marketer,
        "segment_fields": list(query.items()) if is_marketer and count else [],
        "segment_url": reverse("events:campaign_segment", args=[public_id]),
    }
    return render(request, "events/people.html", context)


@require_role("marketer")
def campaign_people_csv(request: HttpRequest, public_id: UUID) -> StreamingHttpResponse:
    """Stream the people behind one number as CSV: one row per person counted, and one audit entry."""
    campaign, scope = report_scope.launched(request, public_id)
    choice = choice_of(request.GET)
    detail = {"who": choice.who, "runs": [run.number for run in scope], "reason": choice.reason}
    audit.record(actor=current_user(request), action="report.exported", obj=campaign, detail=detail)
    rows = csv_rows(_lines(scope, choice))
    return downloads.download(request, rows, name=f"{choice.who}.csv", content_type="text/csv; charset=utf-8")


def _lines(scope: list[Run], choice: people.Choice) -> Iterator[list[str]]:
    yield ["email", "name", "state", "reason", "at"]
    for row in people.stream(scope, choice):
        yield [row.email, row.name, row.state, row.reason, row.at.isoformat() if row.at else ""]


@require_role("marketer")
@require_POST
def campaign_segment(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Make a segment of the people behind a number."""
    campaign = campaigns.access_campaign(public_id)
    run_number = whole(request.POST.get("run"))
    scope = [run for run in campaign.runs.all() if run_number in {0, run.number}]
    choice = choice_of(request.POST)
    try:
        segment = reactions.make_segment(
            campaign=campaign,
            choice=choice,
            run_number=run_number,
            words=[people.GROUPS[choice.who].title, *_narrowed(scope, choice)],
            actor=current_user(request),
        )
    except reactions.NoSuchReaction as error:
        raise Http404 from error
    messages.success(
        request, f"The segment “{segment.name}” chooses these people, as far as they still allow it."
    )
    return redirect("subscribers:segment_edit", segment.public_id)


@require_role("viewer")
def campaign_machines(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Every open and click that was put down to a machine, with the reason."""
    campaign, scope = report_scope.launched(request, public_id)
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


def choice_of(given: QueryDict) -> people.Choice:
    """Read which people are asked for; 404 for an unknown group."""
    who = given.get("who", "audience")
    if who not in people.GROUPS:
        raise Http404
    return people.Choice(
        who,
        _text(given.get("reason", "")),
        "reason" in given,
        whole(given.get("link")),
        provider=_text(given.get("provider", "")) if "provider" in given else None,
        list_id=whole(given.get("list")),
        segment_id=whole(given.get("segment")),
        device=_text(given.get("device", "")) if "device" in given else None,
        machine=_text(given.get("machine", "")),
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
        runs = [run.pk for run in scope]
        found += Link.objects.filter(pk=choice.link_id, run_id__in=runs).values_list("url", flat=True)
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
