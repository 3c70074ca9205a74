"""Reads of campaigns: one, the list, its audience with reasons, the senders it may use."""

import datetime as dt
import hashlib
from dataclasses import dataclass
from operator import attrgetter
from typing import Final, cast
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.db import connection
from django.db.models import Exists, Func, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.http import Http404
from django.shortcuts import get_object_or_404

from mailplatform.accounts.models import Installation
from mailplatform.core import clock, memo
from subscribers.models import Segment
from subscribers.selectors import audience, eligibility

from ..models import Campaign, CampaignState, Run, RunPurpose, Sender
from ..models.sending_settings import LONGEST_GRACE_S

EDITABLE_STATES = (CampaignState.DRAFT,)
FINISHED_STATES = (CampaignState.SENT, CampaignState.CANCELLED, CampaignState.FAILED)
# No moment of grace lasts so long.
CLOCK_SET_BACK: Final = dt.timedelta(seconds=LONGEST_GRACE_S + 60)
# Advice on a page that is opened again and again: a count of minutes ago will do.
LANGUAGES_KEPT_S: Final = 300
_LANGUAGES: Final = """
SELECT replace(lower(s.language), '_', '-'), count(*) FROM ({audience}) a
JOIN subscribers_subscriber s ON s.id = a.subscriber_id WHERE s.language <> '' GROUP BY 1
"""
_ZONES: Final = """
SELECT coalesce(s.time_zone, ''), count(*) FROM ({audience}) a
LEFT JOIN subscribers_subscriber s ON s.id = a.subscriber_id GROUP BY 1
"""


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
    return get_object_or_404(accessible(), public_id=public_id)


def accessible() -> QuerySet[Campaign]:
    """All campaigns, each with template, sender and owner."""
    return Campaign.objects.select_related("template", "sender", "owner")


def list_campaigns(
    *, search: str = "", state: str = "", tag: str = "", archived: bool = False
) -> QuerySet[Campaign]:
    """Campaigns for the list page, newest first, each with its last launch; or those that were put away.

    Another try for those who failed is no launch: its audience is a part of the launch's.

    `search` is looked for in names, subjects (the campaign's own and its template's) and tags.
    """
    last_run = (
        Run.objects.filter(campaign=OuterRef("pk")).exclude(purpose=RunPurpose.FAILED).order_by("-number")
    )
    found = Campaign.objects.filter(archived_at__isnull=not archived)
    if search:
        subject = Q(subject__icontains=search) | Q(subject="", template__subject__icontains=search)
        found = found.filter(Q(name__icontains=search) | subject | Q(tags__contains=[search.lower()]))
    if tag:
        found = found.filter(tags__contains=[tag])
    if state in CampaignState.values:
        found = found.filter(state=state)
    return found.select_related("owner", "template", "series").annotate(
        last_run_id=Subquery(last_run.values("pk")[:1]),
        last_audience=Subquery(last_run.values("audience")[:1]),
        last_launched_at=Subquery(last_run.values("launched_at")[:1]),
    )


def tags_in_use(most: int = 100) -> list[str]:
    """The tags of all campaigns, by alphabet."""
    tags = (
        Campaign.objects.order_by()
        .annotate(tag=Func("tags", function="unnest"))
        .values_list("tag", flat=True)
    )
    return sorted(set(tags))[:most]


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


def is_in_grace(campaign: Campaign) -> bool:
    """Whether the campaign waits only for the moment of grace after "Send"."""
    return bool(campaign.steps_done.get("grace"))


def is_local(campaign: Campaign) -> bool:
    """Whether each person gets it at the chosen time in their own zone; what is sent at once goes to all."""
    return campaign.local_time and campaign.scheduled_at is not None and not is_in_grace(campaign)


def due_at(campaign: Campaign) -> dt.datetime | None:
    """When a scheduled campaign starts; by local time that is when the first of its people's zones is there."""
    return (is_local(campaign) and campaign.local_start_at) or campaign.scheduled_at


def is_due(campaign: Campaign, now: dt.datetime) -> bool:
    """Whether a campaign starts now.

    One that waits for its moment of grace is due as well when it would have to wait for longer than any such
    moment is: the clock was set back since somebody pressed Send.
    """
    at = due_at(campaign)
    if campaign.state != CampaignState.SCHEDULED or campaign.archived_at or campaign.missed_at or at is None:
        return False
    return at <= now or (is_in_grace(campaign) and at > now + CLOCK_SET_BACK)


def trusted_now() -> dt.datetime:
    """The earlier one of this machine's clock and the database's: a clock that runs fast starts nothing early."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT least(%s, clock_timestamp())", [clock.now()])
        now: dt.datetime = cursor.fetchone()[0]
    return now


def due_campaigns(now: dt.datetime) -> list[Campaign]:
    """The scheduled campaigns whose time has come, the oldest first."""
    found = Campaign.objects.filter(state=CampaignState.SCHEDULED, archived_at=None, missed_at=None)
    return [campaign for campaign in found.order_by("scheduled_at", "pk") if is_due(campaign, now)]


def zones_of_audience(campaign: Campaign, spec: audience.AudienceSpec | None = None) -> dict[str, int]:
    """How many people of the audience are in each time zone; '' where it is not known.

    One pass over the audience. Raises `SegmentBrokenError`.
    """
    sql, params = audience.audience_sql(spec or audience_spec(campaign))
    with connection.cursor() as cursor:
        cursor.execute(_ZONES.format(audience=sql), params)
        return dict(cursor.fetchall())


def zones_of_eligible(campaign: Campaign, spec: audience.AudienceSpec) -> dict[str, int]:
    """How many people who may be mailed are in each time zone; '' where it is not known.

    One pass over the audience. Raises `SegmentBrokenError`.
    """
    return audience.count_by_zone(spec, cast("eligibility.Kind", campaign.kind))


def wall_time(campaign: Campaign) -> dt.datetime:
    """The chosen time as a clock on the wall shows it, without a zone."""
    assert campaign.scheduled_at is not None
    return campaign.scheduled_at.astimezone(ZoneInfo(campaign.schedule_zone)).replace(tzinfo=None)


def languages_of_audience(campaign: Campaign, spec: audience.AudienceSpec | None = None) -> dict[str, int]:
    """How many people of the audience read each language, as of the last few minutes; nobody whose is not known.

    One pass over the audience. Raises `SegmentBrokenError`.
    """
    spec = spec or audience_spec(campaign)
    key = f"audience-languages:{campaign.public_id}:{hashlib.sha256(repr(spec).encode()).hexdigest()}"
    found: dict[str, int] | None = memo.recall([key]).get(key)
    if found is None:
        sql, params = audience.audience_sql(spec)
        with connection.cursor() as cursor:
            cursor.execute(_LANGUAGES.format(audience=sql), params)
            found = dict(cursor.fetchall())
        memo.keep({key: found}, LANGUAGES_KEPT_S)
    return found


# What a campaign chose, each with the column of its table of ids.
_CHOSEN: Final = {
    "lists": "mailinglist_id",
    "segments": "segment_id",
    "excluded_lists": "mailinglist_id",
    "excluded_segments": "segment_id",
}


def with_choice(found: QuerySet[Campaign]) -> QuerySet[Campaign]:
    """The campaigns, each with the ids that it chose and the rules of its segments, for `spec_of`."""
    ids = {f"chosen_{name}": _ids(name, column) for name, column in _CHOSEN.items()}
    return found.annotate(**ids, chosen_rules=_rules())


def _rules() -> ArraySubquery:
    """The segments of a campaign, as JSON."""
    segment = {"campaign": OuterRef(OuterRef("pk")), "segment": OuterRef("pk")}
    chosen = Exists(Campaign.segments.through.objects.filter(**segment))
    excluded = Exists(Campaign.excluded_segments.through.objects.filter(**segment))
    rules = JSONObject(pk="pk", name="name", rules="rules")
    return ArraySubquery(Segment.objects.filter(chosen | excluded).values_list(rules))


def _ids(name: str, column: str) -> ArraySubquery:
    rows = getattr(Campaign, name).through.objects.filter(campaign=OuterRef("pk"))
    return ArraySubquery(rows.order_by(column).values(column))


def audience_spec(campaign: Campaign, site: Installation | None = None) -> audience.AudienceSpec:
    """The chosen lists and segments as the audience selector takes them, read by one query.

    Whoever has it hands it to the questions below and above, which read it themselves otherwise.
    """
    return spec_of(with_choice(Campaign.objects.only("pk")).get(pk=campaign.pk), site)


def spec_of(campaign: Campaign, site: Installation | None = None) -> audience.AudienceSpec:
    """The choice of a campaign that was read `with_choice`."""
    ids = {name: tuple(getattr(campaign, f"chosen_{name}")) for name in _CHOSEN}
    rules = attrgetter("chosen_rules")(campaign)
    return audience.AudienceSpec(
        list_ids=ids["lists"],
        segment_ids=ids["segments"],
        excluded_list_ids=ids["excluded_lists"],
        excluded_segment_ids=ids["excluded_segments"],
        time_zone=site.time_zone if site else "",
        known_segments={each["pk"]: audience.ChosenSegment(each["name"], each["rules"]) for each in rules},
    )


def count_audience(campaign: Campaign, spec: audience.AudienceSpec | None = None) -> Audience:
    """The exact count with every reason, by the same rule that the workers apply again at the cut."""
    spec = spec or audience_spec(campaign)
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


def identities_of(address: str) -> list[str]:
    """Return the identities that let SES send from an address: itself, its domain, and each domain above."""
    address = address.lower()
    labels = address.rpartition("@")[2].split(".")
    return [address, *(".".join(labels[i:]) for i in range(len(labels) - 1))]


def is_verified(address: str, site: Installation) -> bool:
    """Whether SES may send from the address: itself, its domain or a parent domain is a verified identity.

    An SMTP server in its place is asked when it is spoken to.
    """
    if settings.SMTP_URL:
        return True
    identities = {identity.lower() for identity in site.verified_identities}
    return not identities.isdisjoint(identities_of(address))


def list_senders(site: Installation) -> list[SenderChoice]:
    """All senders, the usable ones first."""
    found = [SenderChoice(sender, is_verified(sender.address, site)) for sender in Sender.objects.all()]
    return sorted(found, key=lambda choice: not choice.is_verified)
