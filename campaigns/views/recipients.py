"""Who got a campaign: the table of its people, and the same as a file."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.services import audit
from mailplatform.core import downloads
from mailplatform.core.numbers import whole
from mailplatform.core.sheets import csv_rows

from ..models import DeliveryState, Run
from ..selectors import campaigns as selectors
from ..selectors import failed, recipients
from ..selectors import runs as run_selectors

COLUMNS = (
    "email",
    "name",
    "state",
    "reason",
    "reason_label",
    "message_id",
    "at",
    "attempt",
    "opens_tracked",
    "clicks_tracked",
)


@require_role("viewer")
@require_GET
def campaign_recipients(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """One page of the people of a run."""
    campaign = selectors.access_campaign(public_id)
    run = _run(request, public_id)
    filters = _filters(request)
    shown = recipients.page(
        run, after=whole(request.GET.get("after")), before=whole(request.GET.get("before")), **filters
    )
    query = urlencode({k: v for k, v in filters.items() if v} | {"run": run.number})
    counts = run_selectors.counts_by_state(run.pk)
    reasons = run_selectors.counts_by_reason(run.pk)
    context = {
        "campaign": campaign,
        "run": run,
        "runs": list(campaign.runs.order_by("-number")),
        "progress": {
            "unresolved": counts["unresolved"],
            "failed": _to_retry(run, counts["failed"]),
            "doubtful": failed.doubtful_of(reasons),
        },
        "page": shown,
        "filters": filters,
        "query": query,
        "states": [(value, label, counts[value]) for value, label in DeliveryState.choices],
        "reasons": [
            (reason, recipients.reason_label(reason), number)
            for state, reason, number in reasons
            if reason and filters["state"] in ("", state)
        ],
        "next_url": f"?{query}&after={shown.next_after}" if shown.next_after else "",
        "previous_url": f"?{query}&before={shown.previous_before}" if shown.previous_before else "",
        "may_export": current_user(request).has_role("marketer"),
    }
    return render(request, "campaigns/recipients.html", context)


@require_role("marketer")
@require_GET
def campaign_recipients_csv(request: HttpRequest, public_id: UUID) -> StreamingHttpResponse:
    """The same people as a CSV file, streamed; the export itself is in the audit log."""
    campaign = selectors.access_campaign(public_id)
    run, filters = _run(request, public_id), _filters(request)
    audit.record(
        actor=current_user(request),
        action="recipients.exported",
        obj=campaign,
        detail={"run": run.pk, "state": filters["state"], "reason": filters["reason"]},
    )
    name = f"recipients-{run.public_id}.csv"
    rows = csv_rows(_rows(run, filters))
    return downloads.download(request, rows, name=name, content_type="text/csv; charset=utf-8")


def _run(request: HttpRequest, public_id: UUID) -> Run:
    """The run that is asked for by its number, or the newest; 404 where there is none."""
    number = whole(request.GET.get("run"))
    if not number:
        return selectors.access_last_run(public_id)
    return get_object_or_404(selectors.access_campaign(public_id).runs, number=number)


def _to_retry(run: Run, count: int) -> int:
    """How many the button for another try is about: nobody once that try was made."""
    return 0 if not count or failed.retry_of(run) else count


def _rows(run: Run, filters: dict[str, str]) -> Iterator[list[str]]:
    yield list(COLUMNS)
    for person in recipients.stream(run, **filters):
        values: list[Any] = [getattr(person, name) for name in COLUMNS]
        values[COLUMNS.index("at")] = person.at.isoformat()
        yield [str(value) for value in values]


def _filters(request: HttpRequest) -> dict[str, str]:
    given = {name: request.GET.get(name, "") for name in ("state", "reason", "search")}
    return {name: text.replace("\0", "").strip()[:200] for name, text in given.items()}
