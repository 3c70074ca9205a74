"""The buttons of a campaign. Each is one POST, one service call and words about what happened."""

from collections.abc import Callable
from functools import partial
from typing import Final
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from mailplatform.accounts.access import current_user, require_role
from mailplatform.accounts.models import User
from mailplatform.accounts.services import installation

from ..forms.templates import TestSendForm, chosen_person
from ..models import PauseReason, Run
from ..selectors import campaigns as selectors
from ..selectors import runs as run_selectors
from ..services import campaigns, previews, runs, scheduling, test_sends

_NOT_SENT: Final = (
    runs.NobodyToSend,
    runs.NotReady,
    runs.AudienceChanged,
    scheduling.NoTimeChosen,
    scheduling.HoursPast,
)


@require_role("marketer")
@require_POST
def campaign_send(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Send now, or schedule: `count` is the number that the person confirmed."""
    campaign = selectors.access_campaign(public_id)
    count = request.POST.get("count", "")
    if not (count.isascii() and count.isdigit() and len(count) < 19):
        messages.error(request, "The confirmation was not complete. Look at the number again.")
        return redirect("campaigns:campaign_step", public_id, "review")
    is_now = campaign.scheduled_at is None or campaign.missed_at is not None
    past = request.POST.get("past", "")
    said = int(past) if past.isascii() and past.isdigit() and len(past) < 19 else 0
    start = scheduling.send_now if is_now else partial(scheduling.schedule, confirmed_past=said)
    try:
        start(campaign=campaign, actor=current_user(request), confirmed_count=int(count))
    except runs.AlreadyLaunched as error:
        # A second click or a reload: say so, and show what the first one started.
        messages.info(request, str(error))
        return redirect("campaigns:campaign_detail", public_id)
    except _NOT_SENT as error:
        messages.error(request, str(error))
        return redirect("campaigns:campaign_step", public_id, "review")
    return redirect("campaigns:campaign_detail", public_id)


@require_role("marketer")
@require_POST
def campaign_unschedule(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Undo, or take a planned campaign back to the draft; one that missed its time gets another one."""
    campaign = selectors.access_campaign(public_id)
    has_missed = campaign.missed_at is not None
    try:
        scheduling.unschedule(campaign=campaign, actor=current_user(request))
    except scheduling.NotScheduled as error:
        messages.error(request, str(error))
        return redirect("campaigns:campaign_detail", public_id)
    if has_missed:
        return redirect("campaigns:campaign_step", public_id, "schedule")
    messages.success(request, "Taken back. Nothing was sent; the campaign is a draft again.")
    return redirect("campaigns:campaign_step", public_id, "review")


def _press(
    request: HttpRequest, public_id: UUID, act: Callable[[Run, User], None], done: Callable[[Run], str]
) -> HttpResponse:
    """Do something with a campaign's newest run, and say in words what came of it."""
    run = selectors.access_last_run(public_id)
    try:
        act(run, current_user(request))
    except runs.NotPossible as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done(run))
    return redirect("campaigns:campaign_detail", public_id)


@require_role("marketer")
@require_POST
def campaign_pause(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Stop after what is on its way."""

    def act(run: Run, user: User) -> None:
        if not runs.pause_run(run_id=run.pk, by=PauseReason.PERSON, reason="Paused by hand.", actor=user):
            raise runs.NotPossible("This campaign is not sending just now.")

    return _press(
        request,
        public_id,
        act,
        lambda run: f"Paused. {_sent(run)} mails are sent and cannot be recalled; the rest waits.",
    )


@require_role("marketer")
@require_POST
def campaign_resume(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Send the rest."""
    return _press(
        request,
        public_id,
        lambda run, user: runs.resume_run(run_id=run.pk, actor=user),
        lambda _: "Going on with the people who have not got it yet.",
    )


@require_role("marketer")
@require_POST
def campaign_cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Stop for good."""
    return _press(
        request,
        public_id,
        lambda run, user: runs.cancel_run(run_id=run.pk, actor=user),
        lambda run: f"Cancelled. {_sent(run)} mails had been sent and cannot be recalled.",
    )


def _sent(run: Run) -> str:
    return f"{run_selectors.progress(run).accepted:,}"


@require_role("marketer")
@require_POST
def campaign_duplicate(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Copy a campaign into a new draft."""
    copy = campaigns.duplicate(campaign=selectors.access_campaign(public_id), actor=current_user(request))
    messages.success(request, "This is the copy. Look at each step before you send it.")
    return redirect("campaigns:campaign_step", copy.public_id, "to")


@require_role("marketer")
@require_POST
def campaign_archive(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Put a campaign away."""
    campaign = selectors.access_campaign(public_id)
    try:
        campaigns.archive(campaign=campaign, actor=current_user(request))
    except campaigns.NotEditable as error:
        messages.error(request, str(error))
        return redirect("campaigns:campaign_detail", public_id)
    messages.success(request, f"“{campaign.name}” is put away.")
    return redirect("campaigns:campaign_list")


@require_role("marketer")
@require_POST
def campaign_bring_back(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Take a campaign out of the drawer again."""
    campaign = selectors.access_campaign(public_id)
    campaigns.bring_back(campaign=campaign, actor=current_user(request))
    messages.success(request, f"“{campaign.name}” is among the others again.")
    return redirect("campaigns:campaign_detail", public_id)


@require_role("marketer")
@require_POST
def campaign_test(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Send the campaign to a few addresses, marked as a test."""
    campaign = selectors.access_campaign(public_id)
    form = TestSendForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Write at least one address.")
        return redirect("campaigns:campaign_step", public_id, "review")
    person = chosen_person(form.cleaned_data["person"])
    try:
        sent = test_sends.send_campaign_test(
            campaign=campaign,
            addresses=form.cleaned_data["addresses"],
            person=previews.person_of(person) if person else previews.sample_person(),
            actor=current_user(request),
        )
    except test_sends.ERRORS as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{len(sent)} test mail{'s' if len(sent) != 1 else ''} sent.")
    return redirect("campaigns:campaign_step", public_id, "review")


@require_role("admin")
@require_POST
def send_me_a_test(request: HttpRequest) -> HttpResponse:
    """The settings page's button: one mail to the person who presses it."""
    user = current_user(request)
    try:
        test_sends.send_greeting(address=user.email, actor=user)
    except test_sends.ERRORS as error:
        messages.error(request, str(error))
    else:
        where = " It is in the sandbox's mailbox." if installation.is_sandbox() else ""
        messages.success(request, f"A test mail to {user.email} was accepted by Amazon SES.{where}")
    return redirect("accounts:settings")
