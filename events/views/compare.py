"""Campaigns side by side."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from events.selectors import comparison
from mailplatform.accounts.access import require_role


@require_role("viewer")
@require_GET
def compare(request: HttpRequest) -> HttpResponse:
    """Show the chosen campaigns beside each other, and the list to choose from."""
    wanted = [found for text in request.GET.getlist("campaign") if (found := _uuid(text))]
    columns = comparison.compare(wanted[: comparison.MOST])
    average = comparison.average_before(columns)
    context = {
        "columns": columns,
        "rows": comparison.rows(columns, average) if columns else [],
        "average": average,
        "offered": comparison.offered(),
        "chosen": {column.public_id for column in columns},
        "most": comparison.MOST,
        "too_many": len(set(wanted)) > comparison.MOST,
    }
    return render(request, "events/compare.html", context)


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
