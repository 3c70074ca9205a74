"""A second person's approval: asked for, given, withdrawn. Who sends must be somebody else than who approved."""

from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..models import Approval, Campaign
from ..selectors import approvals as selectors
from ..selectors import campaigns as campaign_selectors
from ..selectors.reading import Reading


class NotApprovable(Exception):
    """The campaign is on its way, or nobody else could approve it; the message says which."""


class ContentChanged(Exception):
    """The campaign was changed since the person looked at it; nothing was approved."""


@transaction.atomic
def request(*, campaign: Campaign, actor: User) -> Approval:
    """Ask colleagues for an approval, which ends an earlier one; beat tells them by mail. Raises `NotApprovable`."""
    locked = _locked(campaign)
    if not selectors.people_who_may_approve(but=actor):
        raise NotApprovable(
            "There is nobody else who may approve: invite a second marketer or administrator."
        )
    row, _ = Approval.objects.get_or_create(campaign=locked)
    row.requested_by, row.requested_at, row.told_at = actor, clock.now(), None
    row.approved_by, row.approved_at, row.fingerprint = None, None, ""
    row.save()
    audit.record(actor=actor, action="campaign.approval_requested", obj=locked)
    return row


@transaction.atomic
def approve(*, campaign: Campaign, actor: User, fingerprint: str) -> Approval:
    """Approve what the person saw, which `fingerprint` names. Raises `NotApprovable`, `ContentChanged`."""
    locked = _locked(campaign)
    if fingerprint != selectors.fingerprint(locked):
        raise ContentChanged("It was changed while you looked at it. Look again, then approve.")
    row, _ = Approval.objects.get_or_create(campaign=locked)
    row.approved_by, row.approved_at, row.fingerprint = actor, clock.now(), fingerprint
    row.save()
    audit.record(actor=actor, action="campaign.approved", obj=locked, detail={"content": fingerprint})
    return row


@transaction.atomic
def withdraw(*, campaign: Campaign, actor: User) -> None:
    """Take an approval, or the request for one, back. Raises `NotApprovable`."""
    locked = _locked(campaign)
    if Approval.objects.filter(campaign=locked).delete()[0]:
        audit.record(actor=actor, action="campaign.approval_withdrawn", obj=locked)


def hand_on(*, source: Campaign, copy: Campaign) -> None:
    """Let a copy with the same content and audience have the approval of its source."""
    row = Reading(source).approval
    if row is not None and row.fingerprint and row.fingerprint == selectors.fingerprint(copy):
        Approval.objects.create(
            campaign=copy,
            approved_by=row.approved_by,
            approved_at=row.approved_at,
            fingerprint=row.fingerprint,
        )


def _locked(campaign: Campaign) -> Campaign:
    locked = Campaign.objects.select_for_update(of=("self",)).get(pk=campaign.pk)
    if not campaign_selectors.is_editable(locked):
        raise NotApprovable("This campaign is on its way already.")
    return locked
