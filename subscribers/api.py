"""The API of people and lists: the same services and checks as the pages."""

import datetime as dt
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest
from ninja import Query, Router, Schema, Status
from pydantic import Field

from mailplatform.accounts.api import ApiError, Problem, actor_of, once, scope

from .merging.statement import Statement, StatementError
from .models import MailingList, Method, SignupForm, Subscriber, Subscription
from .selectors import holdings, lists, profiles
from .services import erasure, signup, unsubscribe
from .services import lists as list_service
from .services import subscribers as service

router = Router(tags=["People and lists"])
Limit = Annotated[int, Query(ge=1, le=200)]
REFUSALS: Any = {400: Problem, 403: Problem, 404: Problem, 409: Problem, 422: Problem, 429: Problem}


class Person(Schema):
    """One person. `may_be_mailed` is for marketing mail; `why_not` is the code of what keeps it back."""

    id: UUID
    email: str
    name: str
    language: str
    time_zone: str
    fields: dict[str, Any]
    added_at: dt.datetime
    may_be_mailed: bool
    why_not: str


class People(Schema):
    """A page of people; `next` is the `after` of the page after this one, null on the last."""

    items: list[Person]
    next: int | None


class Evidence(Schema):
    """Why we may write to somebody: what a basis needs, as on the page.

    A soft opt-in (ePrivacy Art. 13(2)) needs the order (`reference`), its date, the words beside the opt-out, and that
    mail about `similar_products` was announced and an `opt_out_offered` when the address was collected.
    """

    basis: Literal["consent", "soft_opt_in", "contract", "legitimate_interest"]
    source: str = Field(max_length=200)
    wording: str = Field("", max_length=5000)
    reference: str = Field("", max_length=200)
    occurred_at: dt.datetime
    language: str = Field("en", max_length=10)
    opens: bool = False
    clicks: bool = False
    similar_products: bool = False
    opt_out_offered: bool = False


class NewPerson(Schema):
    """Somebody to store; without evidence they are never mailed."""

    email: str = Field(max_length=320)
    name: str = Field("", max_length=200)
    language: str = Field("", max_length=10)
    time_zone: str = Field("", max_length=64)
    fields: dict[str, str | list[str]] = {}
    tags: list[str] = []
    lists: list[UUID] = []
    evidence: Evidence | None = None


class Change(Schema):
    """What to change; what is left out stays."""

    name: str | None = Field(None, max_length=200)
    language: str | None = Field(None, max_length=10)
    fields: dict[str, str | list[str]] = {}
    tags: list[str] | None = None
    lists: list[UUID] = []


class ListOut(Schema):
    """A mailing list."""

    id: UUID
    name: str
    description: str
    is_public: bool


class NewList(Schema):
    """A list to make."""

    name: str = Field(min_length=1, max_length=120)
    description: str = Field("", max_length=500)


class Member(Schema):
    """One subscription of a list."""

    person: UUID
    email: str
    state: str
    confirmed_at: dt.datetime | None
    left_at: dt.datetime | None


class Members(Schema):
    """A page of subscriptions."""

    items: list[Member]
    next: int | None


class NewSignup(Schema):
    """A sign-up through one of the forms. `agreed` holds, per purpose, the words that were shown and ticked."""

    form: UUID
    email: str = Field(max_length=320)
    name: str = Field("", max_length=200)
    language: str = Field("en", max_length=10)
    agreed: dict[str, str]
    page: str = Field("", max_length=500)
    ip: str = Field("", max_length=45)


class Taken(Schema):
    """The same answer whether or not the address is known: the person must click the link in the mail."""

    status: Literal["confirmation_due"]


@router.get("/people", response={200: People, **REFUSALS}, summary="People, by page")
@scope("people:read")
def people(request: HttpRequest, after: int = 0, limit: Limit = 50, email: str = "") -> People:
    """Return people in the order in which they were stored; `email` finds one."""
    found = Subscriber.objects.filter(pk__gt=after).order_by("pk")
    if email:
        found = found.filter(email=email.strip().lower())
    rows = list(found[: limit + 1])
    return People(
        items=[_person(row) for row in rows[:limit]], next=rows[limit - 1].pk if len(rows) > limit else None
    )


@router.post("/people", response={201: Person, **REFUSALS}, summary="Store a person")
@scope("people:write")
@once
def add_person(request: HttpRequest, new: NewPerson) -> tuple[int, Person]:
    """Store somebody, with the evidence that lets us write to them. Whoever left cannot be brought back."""
    given = new.evidence
    statement = Statement()
    if given is not None:
        statement = Statement(
            basis=given.basis, source=given.source, wording=given.wording, reference=given.reference,
            tracking_wording=given.wording, occurred_at=_aware(given.occurred_at), language=given.language,
            similar=given.similar_products, opt_out=given.opt_out_offered,
        )  # fmt: skip
    permission = service.Permission(statement, bool(given and given.opens), bool(given and given.clicks))
    try:
        made = service.add(
            email=new.email, name=new.name, language=new.language, time_zone=new.time_zone, values=new.fields,
            tags=new.tags, list_ids=_list_ids(new.lists), permission=permission, actor=actor_of(request),
        )  # fmt: skip
    except service.AlreadyKnownError as error:
        raise ApiError(409, "known", f"This person is known: {error.subscriber.public_id}.") from error
    except (service.SubscriberError, StatementError) as error:
        raise ApiError(422, "refused", str(error)) from error
    return 201, _person(made)


@router.get("/people/{public_id}", response={200: Person, **REFUSALS}, summary="One person")
@scope("people:read")
def person(request: HttpRequest, public_id: UUID) -> Person:
    """Return one person."""
    return _person(_find(public_id))


@router.patch("/people/{public_id}", response={200: Person, **REFUSALS}, summary="Change a person")
@scope("people:write")
@once
def change_person(request: HttpRequest, public_id: UUID, change: Change) -> Person:
    """Change data and tags, and add to lists. Nobody is put back on a list that they left."""
    found = _find(public_id)
    tags = change.tags if change.tags is not None else [tag.name for tag in found.tags.all()]
    try:
        changed = service.edit(
            subscriber=found, name=found.name if change.name is None else change.name,
            language=found.language if change.language is None else change.language, values=change.fields,
            tags=tags, list_ids=_list_ids(change.lists), actor=actor_of(request),
        )  # fmt: skip
    except service.SubscriberError as error:
        raise ApiError(422, "refused", str(error)) from error
    return _person(changed)


@router.post(
    "/people/{public_id}/unsubscribe", response={200: Person, **REFUSALS}, summary="End marketing mail"
)
@scope("people:write")
@once
def unsubscribe_person(request: HttpRequest, public_id: UUID) -> Person:
    """Record that the person wants no more marketing mail. Only they can take it back."""
    found = _find(public_id)
    unsubscribe.leave_all(subscriber_id=found.pk, source="API", method=Method.API, actor=actor_of(request))
    return _person(found)


@router.get(
    "/people/{public_id}/data", response={200: dict[str, Any], **REFUSALS}, summary="All that is held"
)
@scope("people:read")
def person_data(request: HttpRequest, public_id: UUID) -> dict[str, Any]:
    """Return all that is held about the person: data, lists, consent with wording and evidence, mail."""
    return holdings.of(_find(public_id))


@router.delete("/people/{public_id}", response={204: None, **REFUSALS}, summary="Erase a person")
@scope("people:erase")
def erase_person(request: HttpRequest, public_id: UUID) -> Status[None]:
    """Erase the person; a keyed hash of the address stays, so that no import brings them back."""
    erasure.erase(subscriber_id=_find(public_id).pk, actor=actor_of(request), source="API")
    return Status(204, None)


@router.get("/lists", response={200: list[ListOut], **REFUSALS}, summary="Lists")
@scope("lists:read")
def all_lists(request: HttpRequest) -> list[ListOut]:
    """Return the lists in use, by name."""
    return [_list(row) for row in lists.live()]


@router.post("/lists", response={201: ListOut, **REFUSALS}, summary="Make a list")
@scope("lists:write")
@once
def add_list(request: HttpRequest, new: NewList) -> tuple[int, ListOut]:
    """Make a list."""
    if MailingList.objects.filter(name=new.name).exists():
        raise ApiError(409, "known", "There is a list of this name.")
    return 201, _list(
        list_service.create(name=new.name, description=new.description, actor=actor_of(request))
    )


@router.get(
    "/lists/{public_id}/subscriptions", response={200: Members, **REFUSALS}, summary="Who is on a list"
)
@scope("people:read")
def members(request: HttpRequest, public_id: UUID, after: int = 0, limit: Limit = 50) -> Members:
    """Return the subscriptions of a list, by page."""
    found = lists.live().filter(public_id=public_id).first()
    if found is None:
        raise ApiError(404, "unknown", "There is no such list.")
    rows = list(
        Subscription.objects.filter(mailing_list=found, pk__gt=after)
        .select_related("subscriber").order_by("pk")[: limit + 1]
    )  # fmt: skip
    items = [
        Member(
            person=row.subscriber.public_id, email=row.subscriber.email, state=row.state,
            confirmed_at=row.confirmed_at, left_at=row.unsubscribed_at,
        )
        for row in rows[:limit]
    ]  # fmt: skip
    return Members(items=items, next=rows[limit - 1].pk if len(rows) > limit else None)


@router.post("/signups", response={202: Taken, **REFUSALS}, summary="Sign somebody up (double opt-in)")
@scope("people:write")
@once
def sign_up(request: HttpRequest, new: NewSignup) -> tuple[int, Taken]:
    """Ask the person by mail to confirm; they are stored when they click. Lists with single opt-in are refused."""
    form = (
        SignupForm.objects.select_related("mailing_list").filter(public_id=new.form, archived_at=None).first()
    )
    if form is None:
        raise ApiError(404, "unknown", "There is no such sign-up form.")
    if form.mailing_list.opt_in != "double":
        raise ApiError(
            422, "single_opt_in", "By API people join only lists that ask for a confirmation by mail."
        )
    typed = signup.Typed(email=new.email, language=new.language, agreed=new.agreed, name=new.name)
    try:
        signup.request(form=form, typed=typed, ip=new.ip, page=new.page)
    except signup.SignupError as error:
        raise ApiError(422, error.code, f"The sign-up was refused: {error.field} ({error.code}).") from error
    return 202, Taken(status="confirmation_due")


def _person(row: Subscriber) -> Person:
    reason = profiles.of(row).reason
    return Person(
        id=row.public_id, email=row.email, name=row.name, language=row.language, time_zone=row.time_zone,
        fields=row.fields, added_at=row.created_at, may_be_mailed=not reason, why_not=reason,
    )  # fmt: skip


def _list(row: MailingList) -> ListOut:
    return ListOut(id=row.public_id, name=row.name, description=row.description, is_public=row.is_public)


def _find(public_id: UUID) -> Subscriber:
    found = Subscriber.objects.filter(public_id=public_id).first()
    if found is None:
        raise ApiError(404, "unknown", "Nobody has this id. The person may have been erased.")
    return found


def _list_ids(public_ids: list[UUID]) -> list[int]:
    found = dict(lists.live().filter(public_id__in=public_ids).values_list("public_id", "pk"))
    if missing := set(public_ids) - found.keys():
        raise ApiError(422, "unknown_list", f"There is no list {min(missing)}.")
    return list(found.values())


def _aware(moment: dt.datetime) -> dt.datetime:
    if moment.tzinfo is None:
        raise ApiError(422, "time_zone", "A time needs its zone, such as 2026-01-31T12:00:00Z.")
    return moment
