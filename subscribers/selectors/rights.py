"""Reading privacy requests: those that wait, by deadline, and those that are decided."""

from dataclasses import dataclass
from uuid import UUID

from mailplatform.core import clock

from ..models import RightsCase, RightsState

PAGE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Some cases and the numbers beside the tabs."""

    cases: list[RightsCase]
    open: int
    late: int
    next_after: int


def page(*, decided: bool = False, after: int = 0) -> Page:
    """Return open cases, the most urgent first, or decided ones before the case `after`, the newest first."""
    waiting = RightsCase.objects.filter(state=RightsState.OPEN)
    late = waiting.filter(due_on__lt=clock.now().date()).count()
    if decided:
        found = RightsCase.objects.exclude(state=RightsState.OPEN).order_by("-pk")
        cases = list((found.filter(pk__lt=after) if after else found)[: PAGE + 1])
        more = cases[PAGE - 1].pk if len(cases) > PAGE else 0
    else:
        cases, more = list(waiting.order_by("due_on", "pk")[:500]), 0
    return Page(cases[:PAGE] if decided else cases, waiting.count(), late, more)


def access_case(public_id: UUID) -> RightsCase:
    """Return a case with its log; RightsCase.DoesNotExist when there is none."""
    return RightsCase.objects.select_related("created_by").prefetch_related("steps").get(public_id=public_id)
