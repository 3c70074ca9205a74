"""Reports by mail: some hours after a campaign was sent, to members of the team.

Beat looks every few minutes. A report is claimed before it is sent, so that two looks at once send one; one that
reaches nobody now is tried again for a day, and nothing that is older than that is sent at all.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.urls import reverse
from django.utils.formats import date_format, number_format

from campaigns.models import Campaign, Run, RunPurpose, RunState
from campaigns.services import notices
from events.models import ReportMail, ReportPlan
from events.selectors import overview
from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.core import clock

# Hours after the last mail left, and how a person says it.
MOMENTS: Final = {24: "1 day", 72: "3 days", 168: "7 days", 720: "30 days"}
TRIED_FOR: Final = timedelta(hours=24)
_LINKS: Final = 5


class NoSuchMoment(ValueError):
    """Reports are sent at some moments only."""


def plan_of(campaign: Campaign | None) -> ReportPlan | None:
    """Return the plan of a campaign itself, or the one for all campaigns."""
    return ReportPlan.objects.filter(campaign=campaign).prefetch_related("people").first()


@transaction.atomic
def save_plan(
    *, campaign: Campaign | None, hours: Iterable[int], people: Sequence[User], actor: User | None
) -> ReportPlan:
    """Set when the report of a campaign goes to whom; without a campaign, for all that have no plan of their own.

    No hours or nobody to get it means that none is sent: also not by the plan for all. Raises NoSuchMoment.
    """
    moments = sorted(set(hours))
    if not set(moments) <= MOMENTS.keys():
        raise NoSuchMoment(", ".join(map(str, moments)))
    plan, _ = ReportPlan.objects.update_or_create(campaign=campaign, defaults={"hours": moments})
    plan.people.set(people)
    detail = {"hours": moments, "people": len(people)}
    audit.record(actor=actor, action="report.planned", obj=campaign, detail=detail)
    return plan


def send_due() -> int:
    """Send every report whose moment has come; return how many."""
    plans = {plan.campaign_id: plan for plan in ReportPlan.objects.prefetch_related("people")}
    if not plans:
        return 0
    sent = set(ReportMail.objects.filter(at__gte=_oldest()).values_list("run_id", "hours"))
    done = 0
    for run in _recent_runs():
        plan = plans.get(run.campaign_id, plans.get(None))
        for hours in plan.hours if plan else ():
            if plan is not None and (run.pk, hours) not in sent and _is_due(run, hours):
                done += _send(run, hours, plan)
    return done


def _recent_runs() -> list[Run]:
    found = Run.objects.filter(state=RunState.SENT, purpose=RunPurpose.LAUNCH, finished_at__gte=_oldest())
    return list(found.select_related("campaign").order_by("pk"))


def _oldest() -> datetime:
    return clock.now() - timedelta(hours=max(MOMENTS)) - TRIED_FOR


def _is_due(run: Run, hours: int) -> bool:
    if run.finished_at is None:
        return False
    moment = run.finished_at + timedelta(hours=hours)
    return moment <= clock.now() < moment + TRIED_FOR


def _send(run: Run, hours: int, plan: ReportPlan) -> bool:
    people = [user.email for user in plan.people.all() if user.is_active]
    if not people:
        return False
    subject, text = letter(run, hours)
    claim, is_ours = ReportMail.objects.get_or_create(run=run, hours=hours, defaults={"people": len(people)})
    if not is_ours:
        return False
    if notices.send(to=sorted(people), subject=subject, text=text):
        return True
    claim.delete()
    return False


def letter(run: Run, hours: int) -> tuple[str, str]:
    """Return subject and text of a report: the same figures as on the page, each with what it means."""
    campaign = run.campaign
    shown = overview.overview(list(campaign.runs.order_by("number")), links=_LINKS)
    lines = [f"“{campaign.name}”, launched {date_format(run.launched_at, 'j F Y, H:i')} UTC.", ""]
    for rate in shown.rates:
        share = f"{_decimal(100 * rate.people / rate.of)} %" if rate.of else "no figure yet"
        average = "" if rate.average is None else f"; own average {_decimal(rate.average)} %"
        lines += [f"{rate.label}: {share} ({_number(rate.people)} of {_number(rate.of)}{average})"]
        lines += [f"    {rate.definition}"]
    if shown.links:
        lines += ["", "Links most followed:"]
        lines += [f"  {_number(link.unique)} people  {link.url}" for link in shown.links]
    if shown.cost:
        lines += ["", f"Cost at Amazon, about: {shown.cost.words}"]
    page = installation.public_url() + reverse("events:campaign_report", args=[campaign.public_id])
    plan = installation.public_url() + reverse("events:campaign_report_mails", args=[campaign.public_id])
    lines += ["", f"The whole report:  {page}", f"Who gets this mail:  {plan}", ""]
    return f"“{campaign.name}” after {MOMENTS[hours]}", "\n".join(lines)


def _number(value: int) -> str:
    return str(number_format(value, force_grouping=True))


def _decimal(value: float) -> str:
    return str(number_format(value, decimal_pos=2))
