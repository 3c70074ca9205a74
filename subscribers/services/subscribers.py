"""People by hand: added with the evidence that lets us write to them, and changed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db import connection, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock, keys

from ..importing.addresses import AddressRefusedError, normalise_email
from ..importing.values import READERS, JsonValue, ValueRefusedError
from ..merging.statement import REFERENCE_NEEDED, Statement, StatementError, check_statement
from ..models import (
    Act,
    CustomField,
    LawfulBasis,
    Method,
    Profile,
    Purpose,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from . import consent, fields, profiles, suppression

_EVIDENCE_KEYS = {"soft_opt_in": "order", "contract": "contract", "legitimate_interest": "assessment"}


class SubscriberError(ValueError):
    """Something about the person cannot be stored so; ``field`` names the input, the message says why."""

    def __init__(self, message: str, field: str = "") -> None:
        """Keep the message and the input it belongs to."""
        super().__init__(message)
        self.field = field


class AlreadyKnownError(SubscriberError):
    """There is a person of this address; ``subscriber`` is that person."""

    def __init__(self, subscriber: Subscriber) -> None:
        """Keep the person who is known."""
        super().__init__("This person is known already.", "email")
        self.subscriber = subscriber


@dataclass(frozen=True)
class Permission:
    """Why we may write to a person: the declaration, and what they said about tracking."""

    statement: Statement
    opens: bool = False
    clicks: bool = False


NO_PERMISSION = Permission(Statement())


def add(
    *,
    email: str,
    name: str = "",
    language: str = "",
    time_zone: str = "",
    values: Mapping[str, str | list[str]] | None = None,
    tags: Sequence[str] = (),
    list_ids: Sequence[int] = (),
    permission: Permission = NO_PERMISSION,
    actor: User | None = None,
) -> Subscriber:
    """Add one person by hand.

    With a basis the evidence is recorded in the ledger; without one the person is stored but never mailed.
    Raises AlreadyKnownError; SubscriberError for a broken address or value, and for someone who left, complained,
    bounced or was erased: only they themselves can come back. StatementError for a basis without its evidence.
    """
    try:
        address = normalise_email(email)
    except AddressRefusedError as error:
        raise SubscriberError(f"Please check the address: {error}.", "email") from None
    check_statement(permission.statement, set(), now=clock.now())
    cleaned = clean_values(values or {})
    with transaction.atomic():
        _refuse_unwelcome(address)
        subscriber = Subscriber.objects.create(
            email=address,
            email_key=keys.email_key(address),
            name=_name(name),
            language=language,
            time_zone=time_zone,
            fields=cleaned,
            source="added by hand",
        )
        _set_tags(subscriber, tags)
        _subscribe(subscriber, list_ids)
        profiles.refresh(subscriber_ids=[subscriber.pk])
        audit.record(actor=actor, action="subscriber.added", obj=subscriber)
        _record_permission(subscriber, permission, actor)
    return subscriber


def _refuse_unwelcome(address: str) -> None:
    key = keys.email_key(address)
    with connection.cursor() as cursor:
        suppression.lock_keys(cursor, [key])
    if reason := suppression.suppressed_keys([key]).get(key):
        raise SubscriberError(
            f"This address gets no mail any more ({reason}). Only the person can change that.", "email"
        )
    if known := Subscriber.objects.filter(email=address).first():
        raise AlreadyKnownError(known)


def edit(
    *,
    subscriber: Subscriber,
    name: str,
    language: str,
    values: Mapping[str, str | list[str]],
    tags: Sequence[str],
    list_ids: Sequence[int],
    time_zone: str | None = None,
    actor: User | None = None,
) -> Subscriber:
    """Change a person's data, and add them to lists. Nobody is taken off a list or put back on one here.

    Raises SubscriberError for a value that does not fit, or a list that the person left.
    """
    cleaned = clean_values(values)
    with transaction.atomic():
        kept = {key: value for key, value in subscriber.fields.items() if key not in values}
        subscriber.name, subscriber.language = _name(name), language
        subscriber.fields = kept | cleaned
        if time_zone is not None:
            subscriber.time_zone = time_zone
        subscriber.save(update_fields=["name", "language", "time_zone", "fields", "updated_at"])
        _set_tags(subscriber, tags)
        _subscribe(subscriber, list_ids)
        profiles.refresh(subscriber_ids=[subscriber.pk])
        audit.record(actor=actor, action="subscriber.changed", obj=subscriber)
    return subscriber


def record_permission(*, subscriber: Subscriber, permission: Permission, actor: User | None = None) -> None:
    """Record evidence for a person who is known. A refusal that the person gave earlier keeps its force.

    Raises StatementError, also for a declaration without any basis.
    """
    if permission.statement.basis == "none":
        raise StatementError("Say on what basis you may write to this person.")
    check_statement(permission.statement, set(), now=clock.now())
    with transaction.atomic():
        audit.record(actor=actor, action="subscriber.basis_recorded", obj=subscriber)
        _record_permission(subscriber, permission, actor)


def clean_values(values: Mapping[str, str | list[str]]) -> dict[str, JsonValue]:
    """Return the typed values of custom fields; empty ones are left out. Raises SubscriberError, naming the field."""
    types = {field.key: field for field in CustomField.objects.filter(key__in=list(values))}
    cleaned: dict[str, JsonValue] = {}
    for key, raw in values.items():
        field = types.get(key)
        if field is None or not raw:
            continue
        try:
            value = READERS[field.type](raw)
        except ValueRefusedError as error:
            raise SubscriberError(f"{field.label}: {error}.", f"field_{key}") from None
        if value not in ("", []):
            cleaned[key] = value
    return cleaned


def _name(name: str) -> str:
    return " ".join(name.split())[:200]


def _set_tags(subscriber: Subscriber, tags: Sequence[str]) -> None:
    subscriber.tags.set(fields.ensure_tags(names=[tag[:60] for tag in tags]).values())


def _subscribe(subscriber: Subscriber, list_ids: Sequence[int]) -> None:
    known = dict(Subscription.objects.filter(subscriber=subscriber).values_list("mailing_list_id", "state"))
    for list_id in sorted(set(list_ids)):
        state = known.get(list_id)
        if state == SubscriptionState.UNSUBSCRIBED:
            raise SubscriberError("This person left that list. Only they themselves can come back.", "lists")
        if state is None:
            Subscription.objects.create(
                subscriber=subscriber,
                mailing_list_id=list_id,
                state=SubscriptionState.CONFIRMED,
                source="added by hand",
                confirmed_at=clock.now(),
            )


def _record_permission(subscriber: Subscriber, permission: Permission, actor: User | None) -> None:
    statement = permission.statement
    if statement.basis == "none":
        return
    basis = LawfulBasis(statement.basis)
    entries = [_entry(subscriber, Purpose.MARKETING, basis, statement, actor)]
    profile = Profile.objects.get(pk=subscriber.pk)
    for purpose, said, allowed in (
        (Purpose.OPENS, permission.opens, profile.opens_allowed),
        (Purpose.CLICKS, permission.clicks, profile.clicks_allowed),
    ):
        if said and not allowed:
            entries.append(_entry(subscriber, purpose, LawfulBasis.CONSENT, statement, actor))
    consent.record_many(entries=entries)


def _entry(
    subscriber: Subscriber, purpose: Purpose, basis: LawfulBasis, statement: Statement, actor: User | None
) -> consent.ConsentEntry:
    wording = statement.wording
    if purpose != Purpose.MARKETING:
        wording = statement.tracking_wording or statement.wording
    evidence: dict[str, str | bool] = {"entered_by": f"user {actor.pk}" if actor else "system"}
    if statement.basis in REFERENCE_NEEDED:
        evidence[_EVIDENCE_KEYS[statement.basis]] = statement.reference
    occurred_at = statement.occurred_at or clock.now()
    if statement.basis == LawfulBasis.SOFT_OPT_IN:
        evidence |= {"order_date": occurred_at.date().isoformat(), **consent.SOFT_OPT_IN_DECLARED}
    notice = (
        consent.ensure_notice(purpose=purpose, text=wording, language=statement.language) if wording else None
    )
    return consent.ConsentEntry(
        subscriber_id=subscriber.pk,
        purpose=purpose,
        act=Act.GRANTED,
        lawful_basis=basis,
        method=Method.MANUAL,
        source=statement.source,
        occurred_at=occurred_at,
        actor=f"user:{actor.pk}" if actor else "system",
        notice=notice,
        evidence=evidence,
        language=statement.language,
    )
