"""Mail to the people who work on a campaign: it is finished, paused, failed or waits for them.

Beat looks every few seconds and tells each state once (`CampaignNotice`); what cannot be sent now is tried again for
a day. The safety stop writes its own mail. Welcome mails are never finished and tell nobody.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.formats import number_format

from mailplatform.accounts.models import AuditEntry, User
from mailplatform.accounts.services import installation
from mailplatform.core import clock

from ..models import Approval, Campaign, CampaignNotice, CampaignState, PauseReason, Run, RunPurpose
from ..selectors import approvals, costs
from ..selectors import campaigns as selectors
from ..selectors import runs as run_selectors
from . import notices

TELL_FOR: Final = timedelta(hours=24)
# They come back each day while a long campaign is sent, and go on by themselves.
_STOPS: Final = ("campaign.paused", "campaign.resumed", "campaign.not_started")
KEPT: Final = 10
_ONCE: Final = frozenset({PauseReason.QUOTA.value, PauseReason.WARM_UP.value})


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail; with `is_urgent` administrators get it where the owner does not work here any more."""

    subject: str
    text: str
    is_urgent: bool = True


def tell_owners() -> int:
    """Tell owners what became of their campaigns, and colleagues who is waiting for them; return how many."""
    return _tell_states() + _tell_requests()


def _tell_states() -> int:
    recent = Campaign.objects.filter(updated_at__gte=clock.now() - TELL_FOR).filter(
        Q(state__in=[CampaignState.PAUSED, CampaignState.SENT, CampaignState.FAILED])
        | Q(state=CampaignState.SCHEDULED, missed_at__isnull=False)
        | Q(state=CampaignState.DRAFT, steps_done__has_key="not_started")
    )
    return sum(_tell(campaign) for campaign in recent.select_related("owner").order_by("pk"))


def _tell(campaign: Campaign) -> bool:
    """Tell one state, unless it is told. Whoever claims it first tells it, so that two looks at once do not."""
    run = selectors.last_run(campaign)
    state, once = _state(campaign, run), _once(campaign, run)
    notice, _ = CampaignNotice.objects.get_or_create(campaign=campaign)
    letter = None if once and once in notice.once else _letter(campaign, run)
    claim = CampaignNotice.objects.filter(pk=notice.pk, told=notice.told)
    if notice.told == state or not claim.update(told=state, once=_with(notice.once, once)):
        return False
    if letter is not None and not _send(letter, campaign, run):
        CampaignNotice.objects.filter(pk=notice.pk, told=state).update(told=notice.told, once=notice.once)
        return False
    return letter is not None


def _with(known: list[str], once: str) -> list[str]:
    return [*known, once][-KEPT:] if once and once not in known else known


def _once(campaign: Campaign, run: Run | None) -> str:
    """A name for what is told one time in a run; empty for all else."""
    is_once = run is not None and campaign.state == CampaignState.PAUSED and run.paused_by in _ONCE
    return f"{run.pk}:{run.paused_by}" if is_once and run is not None else ""


def _send(letter: Letter, campaign: Campaign, run: Run | None) -> bool:
    wanted: list[User | None] = [campaign.owner, run.launched_by if run else None]
    if not letter.is_urgent and not any(user is not None and user.is_active for user in wanted):
        return True
    return notices.send(to=notices.people_to_tell(*wanted), subject=letter.subject, text=letter.text)


def _state(campaign: Campaign, run: Run | None) -> str:
    """A name for what the owner is told of; the same name is told once."""
    if campaign.state == CampaignState.SCHEDULED and campaign.missed_at:
        return f"missed:{campaign.missed_at:%Y%m%d%H%M%S}"
    state = "not_started" if campaign.state == CampaignState.DRAFT else campaign.state
    # Paused, resumed and paused again is something new, and so is a second start that came to nothing.
    act = _acts(campaign).values_list("pk", flat=True).first() if state in {"not_started", "paused"} else ""
    return f"{run.pk if run else 0}:{state}:{run.paused_by if run else ''}:{act}"


def _acts(campaign: Campaign) -> QuerySet[AuditEntry]:
    """What the audit log says of a campaign's stops, the newest first."""
    label = Campaign._meta.label  # noqa: SLF001 (Django documents it)
    found = AuditEntry.objects.filter(object_type=label, object_id=str(campaign.pk), action__in=_STOPS)
    return found.order_by("-pk")


def _letter(campaign: Campaign, run: Run | None) -> Letter | None:
    name, page = f"“{campaign.name}”", _address("campaigns:campaign_detail", campaign)
    if campaign.missed_at and campaign.state == CampaignState.SCHEDULED:
        text = (
            f"{name} was due while nothing could start it, and it is too late to start without asking. "
            "Nothing has left."
        )
        if "restored_to" in campaign.steps_done.get("missed", {}):
            text = f"The database was restored from a backup. {name} was planned, and perhaps it was sent after that."
        return Letter(
            f"{name} has not started",
            f"{text}\n\nStart it, or choose another time:  {page}\n",
        )
    if campaign.state == CampaignState.DRAFT:
        why = campaign.steps_done.get("not_started", "")
        text = f"{name} could not start at its time, so nothing has left.\n\n{why}\n\nMend it:  {page}\n"
        return Letter(f"{name} did not start", text)
    if run is None or run.purpose == RunPurpose.SIGNUP:
        return None
    if campaign.state == CampaignState.PAUSED:
        return _paused(campaign, run, page)
    if campaign.state == CampaignState.FAILED:
        text = f"{name} failed.\n\n{run.pause_reason}\n\nWhat happened:  {page}\n"
        return Letter(f"{name} failed", text)
    return _finished(campaign, run)


def _paused(campaign: Campaign, run: Run, page: str) -> Letter | None:
    if run.paused_by == PauseReason.SAFETY_STOP or _paused_by_owner(campaign, run):
        return None
    by = PauseReason(run.paused_by or PauseReason.PERSON)
    goes_on = "It goes on by itself." if by.value in _ONCE else "It goes on when somebody presses Resume."
    sent = number_format(run_selectors.progress(run).accepted, force_grouping=True)
    text = (
        f"{by.label}. {run.pause_reason}\n\n{goes_on} {sent} mails are sent and cannot be recalled; the rest waits.\n\n"
        f"See how far it is:  {page}\n"
    )
    return Letter(f"“{campaign.name}” is paused", text)


def _paused_by_owner(campaign: Campaign, run: Run) -> bool:
    """Whoever pressed the button knows it."""
    if run.paused_by != PauseReason.PERSON:
        return False
    actor = _acts(campaign).filter(action="campaign.paused").values_list("actor_id", flat=True).first()
    return actor is not None and actor in {campaign.owner_id, run.launched_by_id}


def _finished(campaign: Campaign, run: Run) -> Letter:
    found = run_selectors.progress(run)
    rows = [
        ("Audience", found.audience),
        ("Accepted by Amazon SES", found.accepted),
        ("Skipped, each with a reason", found.skipped),
        ("Failed", found.failed),
        ("Unresolved, waiting for your decision", found.unresolved),
    ]
    lines = [f"{label}: {number_format(count, force_grouping=True)}" for label, count in rows if count]
    if spent := costs.of_runs([run], accepted=found.accepted):
        lines.append(f"Cost at Amazon, about: {spent.words}")
    report = _address("events:campaign_report", campaign)
    text = f"“{campaign.name}” is sent.\n\n" + "\n".join(lines) + f"\n\nThe report:  {report}\n"
    return Letter(f"“{campaign.name}” is sent", text, is_urgent=False)


def _tell_requests() -> int:
    told = 0
    waiting = Approval.objects.filter(
        requested_at__gte=clock.now() - TELL_FOR, told_at=None, campaign__state=CampaignState.DRAFT
    )
    for row in waiting.select_related("campaign", "requested_by"):
        people = [user.email for user in approvals.people_who_may_approve(but=row.requested_by)]
        who = row.requested_by or "Somebody"
        page = _address("campaigns:campaign_detail", row.campaign)
        text = f"{who} asks you to look at “{row.campaign.name}” before it is sent.\n\nLook, and approve:  {page}\n"
        if notices.send(to=people, subject=f"Please approve “{row.campaign.name}”", text=text):
            told += Approval.objects.filter(pk=row.pk, told_at=None).update(told_at=clock.now())
    return told


def _address(name: str, campaign: Campaign) -> str:
    return installation.public_url() + reverse(name, args=[campaign.public_id])
