"""Campaigns that repeat: a draft is the pattern, and each occurrence is a copy of it with a run of its own.

Beat asks `make_due` every few seconds. An occurrence is left out, visibly, when nothing changed since the last one,
when that is still being sent, or when the system was down at its time; several missed ones are one. The copy is
scheduled for the moment at which it was due and starts as every scheduled campaign does (`services.starting`).
"""

import datetime as dt
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import structlog
from django.db import transaction
from django.utils.formats import date_format

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit

from ..models import Campaign, CampaignState, Frequency, Occurrence, Series, Skipped
from ..recurrence import Rule, next_after
from ..selectors import approvals, restores
from ..selectors import campaigns as selectors
from ..selectors import recurring as reads
from . import approval, campaigns, sending_settings

log = structlog.get_logger(__name__)
_UNFINISHED: Final = (
    CampaignState.SCHEDULED, CampaignState.PREPARING, CampaignState.SENDING, CampaignState.PAUSED,
)  # fmt: skip


class InvalidRepeat(ValueError):
    """The rule cannot be used, or the campaign cannot be a pattern; the message says why."""


@transaction.atomic
def repeat(*, campaign: Campaign, rule: Rule, send_unchanged: bool, actor: User | None) -> Series:
    """Let copies of a draft go out by a rule, from its next time on; a second time changes the rule.

    Raises `InvalidRepeat`.
    """
    _check(rule)
    locked = _locked(campaign)
    if not selectors.is_editable(locked):
        raise InvalidRepeat("Only a draft can repeat. Duplicate this campaign and let the copy repeat.")
    values = {
        "frequency": rule.frequency,
        "weekdays": sorted(set(rule.weekdays)),
        "month_day": rule.month_day,
        "at": rule.at,
        "zone": rule.zone,
        "send_unchanged": send_unchanged,
        "active": True,
        "next_at": next_after(rule, selectors.trusted_now()),
        "started_by": actor,
    }
    series, _ = Series.objects.update_or_create(campaign=locked, defaults=values)
    detail = {"frequency": rule.frequency, "at": f"{rule.at:%H:%M} {rule.zone}"}
    audit.record(actor=actor, action="campaign.repeats", obj=locked, detail=detail)
    return series


@transaction.atomic
def stop(*, campaign: Campaign, actor: User | None) -> None:
    """Let no more copies go out; what was sent and what is on its way stays. A second time changes nothing."""
    _locked(campaign)
    if Series.objects.filter(campaign=campaign, active=True).update(active=False, next_at=None):
        audit.record(actor=actor, action="campaign.repeats_no_more", obj=campaign)


@transaction.atomic
def skip_next(*, campaign: Campaign, actor: User | None) -> None:
    """Leave the next occurrence out. Raises `InvalidRepeat` where there is none."""
    _locked(campaign)
    series = Series.objects.select_for_update().filter(campaign=campaign, active=True).first()
    if series is None or series.next_at is None:
        raise InvalidRepeat("This campaign does not repeat.")
    due = series.next_at
    Occurrence.objects.get_or_create(series=series, due_at=due, defaults={"skipped": Skipped.BY_HAND})
    series.next_at = next_after(reads.rule_of(series), due)
    series.save(update_fields=["next_at", "updated_at"])
    audit.record(
        actor=actor, action="campaign.occurrence_skipped", obj=campaign, detail={"due": due.isoformat()}
    )


def make_due() -> list[Campaign]:
    """Make the copies whose time has come; returns them. For beat; may run twice at once.

    While a restored database is locked there are none.
    """
    if restores.is_locked():
        return []
    now = selectors.trusted_now()
    due = Series.objects.filter(active=True, next_at__lte=now, campaign__archived_at=None)
    made = [_make(series_id, now) for series_id in due.order_by("next_at").values_list("pk", flat=True)]
    return [campaign for campaign in made if campaign]


@transaction.atomic
def _make(series_id: int, now: dt.datetime) -> Campaign | None:
    series = Series.objects.select_for_update(of=("self",)).select_related("campaign").get(pk=series_id)
    due = series.next_at
    if not series.active or due is None or due > now:
        return None
    rule = reads.rule_of(series)
    series.next_at = next_after(rule, now)
    content = approvals.content_fingerprint(series.campaign)
    reason = _reason_to_skip(series, content, due=due, now=now)
    copy = None if reason else _copy(series, due)
    if copy:
        series.last_fingerprint = content
    series.save(update_fields=["next_at", "last_fingerprint", "updated_at"])
    Occurrence.objects.get_or_create(
        series=series, due_at=due, defaults={"campaign": copy, "skipped": reason}
    )
    log.info("series.due", series=series.pk, skipped=reason, campaign=copy.pk if copy else None)
    return copy


def _reason_to_skip(series: Series, content: str, *, due: dt.datetime, now: dt.datetime) -> str:
    settings = sending_settings.get()
    late = now - due
    # What was due between a backup and its unlocking may have gone out before the restore.
    if late > dt.timedelta(minutes=settings.late_start_minutes) or restores.covers(due):
        return Skipped.TOO_LATE
    if series.occurrences.filter(campaign__state__in=_UNFINISHED).exists():
        return Skipped.STILL_RUNNING
    if content == series.last_fingerprint and not series.send_unchanged and _last_was_sent(series):
        return Skipped.NOTHING_NEW
    if settings.approval_needed and approvals.approved_by(series.campaign) in {None, series.started_by}:
        return Skipped.NOT_APPROVED
    return ""


def _last_was_sent(series: Series) -> bool:
    """Whether the last copy went out; one that could not start, or was taken back, has told nobody anything."""
    last = series.occurrences.filter(campaign__isnull=False).order_by("-due_at")
    return last.values_list("campaign__state", flat=True).first() == CampaignState.SENT


def _copy(series: Series, due: dt.datetime) -> Campaign:
    """A copy of the pattern, scheduled for the moment at which it was due."""
    pattern = series.campaign
    copy = campaigns.duplicate(campaign=pattern, actor=series.started_by)
    day = date_format(due.astimezone(ZoneInfo(series.zone)), "j M Y")
    copy.name = f"{pattern.name[:100]}, {day}"
    copy.owner = pattern.owner
    copy.in_archive = pattern.in_archive
    copy.local_time = False
    copy.state, copy.scheduled_at, copy.schedule_zone = CampaignState.SCHEDULED, due, series.zone
    copy.steps_done = {"schedule": True}
    copy.save()
    approval.hand_on(source=pattern, copy=copy)
    detail = {"at": due.isoformat(), "repeats": str(pattern.public_id)}
    audit.record(actor=series.started_by, action="campaign.scheduled", obj=copy, detail=detail)
    return copy


def _locked(campaign: Campaign) -> Campaign:
    return Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)


def _check(rule: Rule) -> None:
    if rule.frequency not in Frequency.values:
        raise InvalidRepeat("Choose how often.")
    if rule.frequency == Frequency.WEEKLY and not rule.weekdays:
        raise InvalidRepeat("Choose at least one day of the week.")
    if not set(rule.weekdays) <= set(range(7)) or not 1 <= rule.month_day <= 31:
        raise InvalidRepeat("There is no such day.")
    try:
        ZoneInfo(rule.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise InvalidRepeat(f"There is no time zone called “{rule.zone}”.") from error
