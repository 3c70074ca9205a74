"""Reads of campaigns: one, the list, its audience with reasons, the senders it may use."""

from dataclasses import dataclass
from typing import cast
from uuid import UUID

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import Http404
from django.shortcuts import get_object_or_404

from mailplatform.accounts.models import Installation
from subscribers.selectors import audience, eligibility

from ..models import Campaign, CampaignState, Run, Sender

EDITABLE_STATES = (CampaignState.DRAFT,)
FINISHED_STATES = (CampaignState.SENT, CampaignState.CANCELLED, CampaignState.FAILED)


@dataclass(frozen=True, slots=True)
class Exclusion:
    """One reason why people of the audience get no mail, in plain words."""

    code: str
    label: str
    count: int


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is in a campaign's audience: all, those who will get it, and every reason for the others.

    `problem` says why it cannot be counted, when a chosen segment no longer works.
    """

    total: int
    eligible: int
    exclusions: list[Exclusion]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class SenderChoice:
    """A sender and whether Amazon SES lets us use it."""

    sender: Sender
    is_verified: bool


def access_campaign(public_id: UUID) -> Campaign:
    """One campaign, or 404. Every signed-in user may read campaigns; changing needs the role marketer."""
    found = Campaign.objects.select_related("template", "sender", "owner")
    return get_object_or_404(found, public_id=public_id)


def list_campaigns(*, search: str = "", state: str = "") -> QuerySet[Campaign]:
    """Campaigns for the list page, newest first, each with its last run."""
    last_run = Run.objects.filter(campaign=OuterRef("pk")).order_by("-number")
    found = Campaign.objects.filter(archived_at__isnull=True)
    if search:
        found = found.filter(name__icontains=search)
    if state in CampaignState.values:
        found = found.filter(state=state)
    return found.select_related("owner", "template").annotate(
        last_run_id=Subquery(last_run.values("pk")[:1]),
        last_audience=Subquery(last_run.values("audience")[:1]),
        last_launched_at=Subquery(last_run.values("launched_at")[:1]),
    )


def last_run(campaign: Campaign) -> Run | None:
    """The newest run of a campaign, if it was ever launched."""
    return (
        campaign.runs.select_related("template_version__template", "launched_by").order_by("-number").first()
    )


def access_last_run(public_id: UUID) -> Run:
    """The newest run of a campaign, or 404 where there is none."""
    run = last_run(access_campaign(public_id))
    if run is None:
        raise Http404("This campaign was never launched.")
    return run


def is_editable(campaign: Campaign) -> bool:
    """Whether the steps may still be changed."""
    return campaign.state in EDITABLE_STATES


def audience_spec(campaign: Campaign) -> audience.AudienceSpec:
    """The chosen lists and segments as the audience selector takes them."""
    return audience.AudienceSpec(
        list_ids=tuple(campaign.lists.values_list("pk", flat=True)),
        segment_ids=tuple(campaign.segments.values_list("pk", flat=True)),
        excluded_list_ids=tuple(campaign.excluded_lists.values_list("pk", flat=True)),
        excluded_segment_ids=tuple(campaign.excluded_segments.values_list("pk", flat=True)),
    )


def count_audience(campaign: Campaign) -> Audience:
    """The exact count with every reason, by the same rule that the workers apply again at the cut."""
    spec = audience_spec(campaign)
    if not spec.list_ids and not spec.segment_ids:
        return Audience(0, 0, [])
    try:
        counted = audience.count(spec, cast("eligibility.Kind", campaign.kind))
    except audience.SegmentBrokenError as error:
        return Audience(0, 0, [], problem=str(error))
    exclusions = [
        Exclusion(code, eligibility.REASONS.get(code, code), number)
        for code, number in counted.excluded.items()
        if number
    ]
    exclusions.sort(key=lambda e: -e.count)
    return Audience(counted.total, counted.eligible, exclusions)


def is_verified(address: str, site: Installation) -> bool:
    """Whether SES may send from the address: itself, its domain or a parent domain is a verified identity."""
    address = address.lower()
    identities = {identity.lower() for identity in site.verified_identities}
    domain = address.rpartition("@")[2]
    labels = domain.split(".")
    parents = {".".join(labels[i:]) for i in range(len(labels) - 1)}
    return bool(({address, domain} | parents) & identities)


def list_senders(site: Installation) -> list[SenderChoice]:
    """All senders, the usable ones first."""
    found = [SenderChoice(sender, is_verified(sender.address, site)) for sender in Sender.objects.all()]
    return sorted(found, key=lambda choice: not choice.is_verified)
