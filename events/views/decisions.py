"""People of whom nobody knows whether Amazon SES took their mail: what is known of them, and the decision."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from campaigns.models import Campaign, DecisionAction, Run, RunState
from campaigns.selectors import campaigns, recipients, unresolved
from campaigns.services import decisions
from events.services import completeness
from mailplatform.accounts.access import current_user, require_role
from mailplatform.core.numbers import whole

# Each with what it does, in honest words.
ACTIONS = (
    (
        DecisionAction.RESEND,
        "Send it to them again",
        "Whoever did get the first mail gets it twice. Whether each may still be mailed is asked again.",
    ),
    (
        DecisionAction.ASSUME_SENT,
        "Count them as sent",
        "Nothing is sent. Whoever did not get the mail never will from this campaign.",
    ),
    (
        DecisionAction.ASSUME_LOST,
        "Count them as failed",
        "Nothing is sent. They can be tried again with all who failed. Proof that comes later makes it “accepted”.",
    ),
)


@require_role("viewer")
@require_GET
def unresolved_people(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The page: figures, people, and for a marketer the form."""
    campaign, run = _run(request, public_id)
    summary = unresolved.summary(run.pk)
    rows, next_after = unresolved.page(run.pk, after=whole(request.GET.get("after", "")))
    base = f"{request.path}?run={run.number}"
    context = {
        "campaign": campaign,
        "run": run,
        "summary": summary,
        "rows": [(row, recipients.reason_label(row.reason)) for row in rows],
        "next_url": f"{base}&after={next_after}" if next_after else "",
        "calls": unresolved.lost_calls(run.pk),
        "made": unresolved.decisions(run.pk),
        "actions": [each for each in ACTIONS if each[0] != DecisionAction.RESEND or _may_send(run)],
        "may_send": _may_send(run),
        "may_decide": current_user(request).has_role("marketer"),
        "channel_url": f"{reverse('events:unresolved_channel', args=[public_id])}?run={run.number}",
    }
    return render(request, "events/unresolved.html", context)


@require_role("viewer")
@require_GET
def unresolved_channel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """The fragment that looks at the channel around the lost calls; it asks Amazon about the dead-letter queue."""
    _, run = _run(request, public_id)
    calls = unresolved.lost_calls(run.pk)
    queue = completeness.queue_length() if calls else None
    channels = [
        completeness.channel_around(call.configuration_set, call.first_at, call.last_lease, queue=queue)
        for call in calls
    ]
    return render(request, "events/_channel.html", {"channels": channels})


@require_role("marketer")
@require_POST
def decide_unresolved(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Decide for all, or for those who are ticked; a second click finds nothing left to do."""
    campaign, run = _run(request, public_id)
    back = redirect(f"{reverse('events:unresolved', args=[public_id])}?run={run.number}")
    action, count = request.POST.get("action", ""), request.POST.get("count", "")
    if action not in DecisionAction.values or not request.POST.get("sure") or not whole(count):
        messages.error(request, "Choose what is to happen, for whom, and tick that you are sure.")
        return back
    chosen = _chosen(request)
    if chosen is not None and not chosen:
        messages.error(request, "Nobody was ticked.")
        return back
    try:
        made = decisions.decide(
            run_id=run.pk,
            action=DecisionAction(action),
            actor=current_user(request),
            subscriber_ids=chosen,
            confirmed_count=whole(count) if chosen is None else len(chosen),
            figures={
                "calls": [[c.configuration_set, c.calls, c.people] for c in unresolved.lost_calls(run.pk)]
            },
        )
    except decisions.NothingToDecide as error:
        messages.info(request, str(error))
    except decisions.ERRORS as error:
        messages.error(request, str(error))
    else:
        people = len(made.subscriber_ids)
        messages.success(request, f"{people:,} {'person' if people == 1 else 'people'}: {_done(action)}.")
    return redirect("campaigns:campaign_detail", campaign.public_id) if action == "resend" else back


def _done(action: str) -> str:
    return {
        DecisionAction.RESEND.value: "the mail goes out again",
        DecisionAction.ASSUME_SENT.value: "counted as sent",
        DecisionAction.ASSUME_LOST.value: "counted as failed",
    }[action]


def _chosen(request: HttpRequest) -> list[int] | None:
    if request.POST.get("who") != "ticked":
        return None
    return [number for text in request.POST.getlist("person") if (number := whole(text))]


def _run(request: HttpRequest, public_id: UUID) -> tuple[Campaign, Run]:
    """The run that is asked for, or the newest in doubt."""
    campaign = campaigns.access_campaign(public_id)
    wanted = whole(request.GET.get("run") or request.POST.get("run", ""))
    run = campaign.runs.filter(number=wanted).first() if wanted else unresolved.run_in_doubt(campaign)
    if run is None:
        raise Http404("This campaign was never launched.")
    return campaign, run


def _may_send(run: Run) -> bool:
    return run.state in {RunState.SENDING, RunState.PAUSED, RunState.SENT}
