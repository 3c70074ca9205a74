"""The API of campaigns: make, schedule, pause, and see how far they are, by the same services as the pages."""

import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema
from pydantic import Field

from mailplatform.accounts.api import ApiError, Problem, actor_of, once, scope
from subscribers.models import MailingList, Segment

from .models import Campaign, PauseReason, Run, Template
from .selectors import campaigns as selectors
from .selectors import runs as run_selectors
from .services import campaigns as service
from .services import preflight, runs, scheduling

router = Router(tags=["Campaigns"])
Limit = Annotated[int, Query(ge=1, le=200)]
REFUSALS: Any = {400: Problem, 403: Problem, 404: Problem, 409: Problem, 422: Problem, 429: Problem}


class Progress(Schema):
    """`audience = accepted + failed + skipped + unresolved + waiting`."""

    state: str
    audience: int
    accepted: int
    failed: int
    skipped: int
    unresolved: int
    waiting: int


class CampaignOut(Schema):
    """One campaign; `progress` once it was launched."""

    id: UUID
    name: str
    kind: str
    state: str
    subject: str
    scheduled_at: dt.datetime | None
    progress: Progress | None = None


class Campaigns(Schema):
    """A page of campaigns, newest first; `next` is the `before` of the page after, null on the last."""

    items: list[CampaignOut]
    next: int | None


class NewCampaign(Schema):
    """A draft. The sender is the installation's own."""

    name: str = Field(min_length=1, max_length=120)
    kind: Literal["marketing", "contract", "service"] = "marketing"
    lists: list[UUID] = []
    segments: list[UUID] = []
    template: UUID
    subject: str = Field("", max_length=250)
    preheader: str = Field("", max_length=250)
    variables: dict[str, Any] = {}


class When(Schema):
    """When to start: wall-clock time in `zone`. `confirmed_count` is how many you know will get it."""

    at: dt.datetime
    zone: str = Field(max_length=64)
    confirmed_count: int = Field(ge=1)


@router.get("/campaigns", response={200: Campaigns, **REFUSALS}, summary="Campaigns, by page")
@scope("campaigns:read")
def all_campaigns(request: HttpRequest, before: int = 0, limit: Limit = 50) -> Campaigns:
    """Return campaigns, newest first."""
    found = Campaign.objects.filter(archived_at=None).order_by("-pk")
    rows = list((found.filter(pk__lt=before) if before else found)[: limit + 1])
    return Campaigns(
        items=[_campaign(row) for row in rows[:limit]], next=rows[limit - 1].pk if len(rows) > limit else None
    )


@router.get(
    "/campaigns/{public_id}", response={200: CampaignOut, **REFUSALS}, summary="How far a campaign is"
)
@scope("campaigns:read")
def campaign(request: HttpRequest, public_id: UUID) -> CampaignOut:
    """Return a campaign with the counts of its last run."""
    found = _find(public_id)
    return _campaign(found, selectors.last_run(found))


@router.get(
    "/campaigns/{public_id}/audience", response={200: dict[str, int], **REFUSALS}, summary="Who would get it"
)
@scope("campaigns:read")
def campaign_audience(request: HttpRequest, public_id: UUID) -> dict[str, int]:
    """Return how many would get the mail now: the `confirmed_count` to schedule with."""
    return {"eligible": preflight.check(_find(public_id)).audience.eligible}


@router.post("/campaigns", response={201: CampaignOut, **REFUSALS}, summary="Make a draft")
@scope("campaigns:write")
@once
def add_campaign(request: HttpRequest, new: NewCampaign) -> tuple[int, CampaignOut]:
    """Make a draft with audience, template and subject."""
    template = Template.objects.filter(public_id=new.template).first()
    if template is None:
        raise ApiError(422, "unknown_template", "There is no such template.")
    lists = _all(MailingList, new.lists, "list")
    segments = _all(Segment, new.segments, "segment")
    made = service.create(actor=actor_of(request), name=new.name, kind=new.kind)
    made = service.save_audience(
        campaign_id=made.pk, revision=made.revision, kind=new.kind, lists=lists, segments=segments
    )
    made = service.save_sender(
        campaign_id=made.pk, revision=made.revision, sender=made.sender, subject=new.subject,
        preheader=new.preheader, track_opens=made.track_opens, track_clicks=made.track_clicks,
    )  # fmt: skip
    made = service.save_content(
        campaign_id=made.pk, revision=made.revision, template=template, variables=new.variables
    )
    return 201, _campaign(made)


@router.post("/campaigns/{public_id}/schedule", response={200: CampaignOut, **REFUSALS}, summary="Schedule")
@scope("campaigns:write")
@once
def schedule(request: HttpRequest, public_id: UUID, when: When) -> CampaignOut:
    """Choose the time and schedule; everything that blocks a launch on the page blocks it here."""
    found = _find(public_id)
    try:
        found = service.save_schedule(
            campaign_id=found.pk, revision=found.revision, at=when.at.replace(tzinfo=None), zone=when.zone
        )
        found = scheduling.schedule(
            campaign=found, actor=actor_of(request), confirmed_count=when.confirmed_count
        )
    except (service.InvalidSchedule, runs.NobodyToSend, runs.NotReady) as error:
        raise ApiError(422, "not_ready", str(error)) from error
    except (service.NotEditable, service.StaleCampaign, runs.AlreadyLaunched, runs.AudienceChanged) as error:
        raise ApiError(409, "changed", str(error) or "This campaign cannot be changed any more.") from error
    return _campaign(found)


@router.post("/campaigns/{public_id}/pause", response={200: CampaignOut, **REFUSALS}, summary="Pause")
@scope("campaigns:write")
@once
def pause(request: HttpRequest, public_id: UUID) -> CampaignOut:
    """Stop before the next mail; a scheduled campaign becomes a draft again."""
    found = _find(public_id)
    run = selectors.last_run(found)
    if run is not None and runs.pause_run(
        run_id=run.pk, by=PauseReason.PERSON, reason="by API", actor=actor_of(request)
    ):
        found.refresh_from_db()
        run.refresh_from_db()
        return _campaign(found, run)
    try:
        return _campaign(scheduling.unschedule(campaign=found, actor=actor_of(request)))
    except scheduling.NotScheduled as error:
        raise ApiError(409, "not_running", "This campaign is neither scheduled nor being sent.") from error


@router.post("/campaigns/{public_id}/resume", response={200: CampaignOut, **REFUSALS}, summary="Go on")
@scope("campaigns:write")
@once
def resume(request: HttpRequest, public_id: UUID) -> CampaignOut:
    """Go on where a paused campaign stopped."""
    found = _find(public_id)
    run = selectors.last_run(found)
    if run is None:
        raise ApiError(409, "not_paused", "This campaign was not launched.")
    try:
        runs.resume_run(run_id=run.pk, actor=actor_of(request))
    except runs.NotPossible as error:
        raise ApiError(409, "not_paused", str(error)) from error
    found.refresh_from_db()
    run.refresh_from_db()
    return _campaign(found, run)


def _campaign(row: Campaign, run: Run | None = None) -> CampaignOut:
    return CampaignOut(
        id=row.public_id, name=row.name, kind=row.kind, state=row.state, subject=row.subject,
        scheduled_at=row.scheduled_at, progress=_progress(run) if run else None,
    )  # fmt: skip


def _progress(run: Run) -> Progress:
    found = run_selectors.progress(run)
    return Progress(
        state=run.state, audience=found.audience, accepted=found.accepted, failed=found.failed,
        skipped=found.skipped, unresolved=found.unresolved, waiting=found.waiting,
    )  # fmt: skip


def _find(public_id: UUID) -> Campaign:
    found = Campaign.objects.select_related("template", "sender", "owner").filter(public_id=public_id).first()
    if found is None:
        raise ApiError(404, "unknown", "There is no such campaign.")
    return found


def _all(model: Any, public_ids: list[UUID], word: str) -> list[Any]:
    found = list(model.objects.filter(public_id__in=public_ids, archived_at=None))
    if missing := set(public_ids) - {row.public_id for row in found}:
        raise ApiError(422, f"unknown_{word}", f"There is no {word} {min(missing)}.")
    return found
