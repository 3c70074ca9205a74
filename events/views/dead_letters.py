"""Messages that could not be taken in, and taking them in after all."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from events.models import DeadLetter
from events.selectors import intake
from events.services import replay, retention
from mailplatform.accounts.access import current_user, require_role
from mailplatform.core.numbers import whole

PAGE = 50
CHOICES = (3, 6, 12, 24, 36, 60, 120)


@require_role("admin")
@require_http_methods(["GET", "HEAD", "POST"])
def dead_letters(request: HttpRequest) -> HttpResponse:
    """Show how events come in and list what could not be taken in, newest first; a POST sets how long they stay."""
    if request.method == "POST":
        _set_months(request)
        return redirect("events:dead_letters")
    found = DeadLetter.objects.order_by("-pk").defer("body")
    if before := whole(request.GET.get("before")):
        found = found.filter(pk__lt=before)
    rows = list(found[: PAGE + 1])
    next_url = f"{request.path}?before={rows[PAGE - 1].pk}" if len(rows) > PAGE else ""
    state = intake.intake()
    return render(
        request,
        "events/dead_letters.html",
        {
            "rows": rows[:PAGE],
            "next_url": next_url,
            "open_count": state.waiting,
            "intake": state,
            "months": retention.months(),
            "choices": CHOICES,
        },
    )


def _set_months(request: HttpRequest) -> None:
    try:
        number = whole(request.POST.get("months"), digits=3)
        retention.set_months(number=number, actor=current_user(request))
    except retention.InvalidRetention as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"Single events are kept for {number} months.")


@require_role("admin")
@require_POST
def replay_dead_letter(request: HttpRequest, pk: int) -> HttpResponse:
    """Take one in once more."""
    get_object_or_404(DeadLetter, pk=pk)
    try:
        replay.replay(dead_letter_id=pk, actor=current_user(request))
    except replay.CannotReplay as error:
        messages.error(request, f"It still cannot be taken in: {error}")
    else:
        messages.success(request, "The message was taken in. Its events count as if they had come in time.")
    return redirect("events:dead_letters")
