"""Signing up: a request waits, a click in a mail confirms it, and only then is anybody stored.

Before the click nothing but the request exists: no subscriber, no record. Anybody can type anybody's address into a
form, so what was typed is not yet an act of the person. Confirming writes both acts to the ledger, `requested` with
the time, network and wording of the form, and `granted`, which names the request it confirms.

Lock order: the address's key, the request, then as in `consent`.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from django.db import connection, transaction

from mailplatform.core import clock, keys

from ..importing.addresses import AddressRefusedError, normalise_email
from ..models import (
    Act,
    ConsentNotice,
    LawfulBasis,
    MarketingBasis,
    Method,
    OptIn,
    OwedKind,
    OwedMail,
    Profile,
    Purpose,
    SignupForm,
    SignupRequest,
    Subscriber,
    Subscription,
    SubscriptionState,
)
from . import consent, owed_mails, profiles, subscribers, suppression

LINK_DAYS: Final = 7
# An expired link can be renewed for as long again; then the request is forgotten.
FORGET_AFTER: Final = dt.timedelta(days=14)
TRACKING: Final = (Purpose.OPENS, Purpose.CLICKS)


class SignupError(ValueError):
    """The form cannot be taken so; `code` says why in a word, `field` names the input, `value` what is wrong."""

    def __init__(self, code: str, field_name: str, value: str = "") -> None:
        """Keep what is wrong; the page has the words in the reader's language."""
        super().__init__(code)
        self.code, self.field, self.value = code, field_name, value


class RequestGone(LookupError):
    """The request is not known (any more)."""


class Result(StrEnum):
    """What became of a click."""

    CONFIRMED = "confirmed"
    ALREADY = "already"


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody typed and ticked. `agreed` holds, per purpose, the words that were shown and ticked.

    `declined` holds the words of the boxes that were shown and left.
    """

    email: str
    language: str
    agreed: Mapping[str, str]
    name: str = ""
    values: Mapping[str, str | list[str]] = field(default_factory=dict)
    declined: Mapping[str, str] = field(default_factory=dict)


def request(*, form: SignupForm, typed: Typed, ip: str = "", page: str = "") -> SignupRequest:
    """Take a sign-up: note it and owe the mail that asks for a click; the same for a known and an unknown address.

    Where the list is content with the form alone, a newcomer is confirmed at once; somebody who left, complained or
    was erased needs the click all the same. Raises SignupError.
    """
    address, values = _checked(form, typed)
    key = keys.email_key(address)
    with transaction.atomic():
        with connection.cursor() as cursor:
            suppression.lock_keys(cursor, [key])
        row = _noted(form, typed, address, values, ip=ip, page=page)
        if form.mailing_list.opt_in == OptIn.SINGLE and _is_welcome(form, key):
            _finish(row, method=Method.FORM, ip=ip, page=page)
        else:
            owed_mails.owe(kind=OwedKind.CONFIRM, email_key=key, reference=row.pk, language=row.language)
    return row


@transaction.atomic
def confirm(*, request_id: int, ip: str = "", page: str = "") -> Result:
    """Confirm a request by the person's own click. A second click changes nothing. Raises RequestGone.

    Lifts what only the person can lift (an unsubscription, a complaint, an erasure), never a block by hand.
    """
    key = SignupRequest.objects.filter(pk=request_id).values_list("email_key", flat=True).first()
    if key is None:
        raise RequestGone
    with connection.cursor() as cursor:
        suppression.lock_keys(cursor, [bytes(key)])
        row = SignupRequest.objects.select_for_update(of=("self",)).filter(pk=request_id).first()
        if row is None:
            raise RequestGone
        if row.confirmed_at is not None:
            return Result.ALREADY
        suppression.lift_by_own_act(cursor, email_key=bytes(key), because=f"confirmed sign-up {row.pk}")
    _finish(row, method=Method.DOUBLE_OPT_IN, ip=ip, page=page)
    return Result.CONFIRMED


@transaction.atomic
def ask_again(*, request_id: int) -> bool:
    """Owe the mail once more, with a new link. False where the address had its share. Raises RequestGone."""
    row = find(request_id)
    if row.confirmed_at is not None:
        return False
    key = bytes(row.email_key)
    owes = owed_mails.owe(kind=OwedKind.CONFIRM, email_key=key, reference=row.pk, language=row.language)
    if owes:
        SignupRequest.objects.filter(pk=row.pk).update(forget_at=clock.now() + FORGET_AFTER)
    return owes


def find(request_id: int) -> SignupRequest:
    """Return a request with its form. Raises RequestGone."""
    found = SignupRequest.objects.select_related("form__mailing_list").filter(pk=request_id).first()
    if found is None:
        raise RequestGone
    return found


def forget_expired() -> int:
    """Delete the requests whose time is over; return how many. A welcome mail that is due is waited for."""
    over = SignupRequest.objects.filter(forget_at__lte=clock.now(), welcome_due_at=None)
    return over.delete()[0]


def forget_person(*, email_keys: Sequence[bytes]) -> None:
    """Delete what waits for these addresses; part of an erasure, in its transaction."""
    SignupRequest.objects.filter(email_key__in=list(email_keys)).delete()
    OwedMail.objects.filter(email_key__in=list(email_keys)).delete()


def _checked(form: SignupForm, typed: Typed) -> tuple[str, dict[str, Any]]:
    """Return the address and the typed values of the fields that the form asks for."""
    try:
        address = normalise_email(typed.email)
    except AddressRefusedError:
        raise SignupError("bad_address", "email") from None
    if not typed.agreed.get(Purpose.MARKETING, "").strip():
        raise SignupError("not_agreed", "agree")
    asked = {key: value for key, value in typed.values.items() if key in form.field_keys}
    try:
        return address, subscribers.clean_values(asked)
    except subscribers.SubscriberError as error:
        raise SignupError("bad_value", error.field) from None


def _noted(
    form: SignupForm, typed: Typed, address: str, values: dict[str, Any], *, ip: str, page: str
) -> SignupRequest:
    """Store the request, or bring the one that waits up to date: the newest words and choices count."""
    tracking = TRACKING if form.ask_tracking else ()
    agreed = _notices(typed.agreed, (Purpose.MARKETING, *tracking), typed.language)
    left = [purpose for purpose in tracking if purpose.value not in agreed]
    now = clock.now()
    known = {
        "email": address,
        "name": " ".join(typed.name.replace("\0", "").split())[:200] if form.ask_name else "",
        "fields": values,
        "language": typed.language,
        "agreed": agreed,
        "declined": _notices(typed.declined, left, typed.language),
        "ip": consent.minimise_ip(ip) if ip else "",
        "page": page.partition("?")[0][:500],
        "requested_at": now,
        "forget_at": now + FORGET_AFTER,
    }
    return SignupRequest.objects.update_or_create(
        form=form, email_key=keys.email_key(address), confirmed_at=None, defaults=known
    )[0]


def _notices(shown: Mapping[str, str], purposes: Sequence[Purpose], language: str) -> dict[str, str]:
    """Return, per purpose, the hash of the words that were shown for it."""
    return {
        purpose.value: consent.ensure_notice(purpose=purpose, text=shown[purpose], language=language).hash
        for purpose in purposes
        if shown.get(purpose, "").strip()
    }


def _is_welcome(form: SignupForm, key: bytes) -> bool:
    """Whether a form alone may confirm this address: never against a "no" that was said before."""
    if suppression.suppression_reasons(key):
        return False
    person = Subscriber.objects.filter(email_key=key).first()
    if person is None:
        return True
    said_no = Subscription.objects.filter(
        subscriber=person, mailing_list=form.mailing_list, state=SubscriptionState.UNSUBSCRIBED
    ).exists()
    withdrew = Profile.objects.filter(pk=person.pk, marketing_basis=MarketingBasis.WITHDRAWN).exists()
    return not said_no and not withdrew


def _finish(row: SignupRequest, *, method: Method, ip: str, page: str) -> None:
    """Store the person, write both acts, put them on the list and empty the request."""
    person = _person(row)
    record_id = _record(row, person, method=method, ip=ip, page=page)
    now = clock.now()
    own = record_id if method == Method.DOUBLE_OPT_IN else None
    Subscription.objects.update_or_create(
        subscriber=person,
        mailing_list=row.form.mailing_list,
        defaults={
            "state": SubscriptionState.CONFIRMED,
            "confirmation_id": own,
            "source": f"form: {row.form.name}"[:100],
            "confirmed_at": now,
            "unsubscribed_at": None,
        },
    )
    profiles.refresh(subscriber_ids=[person.pk])
    SignupRequest.objects.filter(pk=row.pk).update(
        email="", name="", fields={}, ip="", confirmed_at=now, subscriber_id=person.pk, welcome_due_at=now,
        forget_at=now + FORGET_AFTER,
    )  # fmt: skip
    row.refresh_from_db()


def _person(row: SignupRequest) -> Subscriber:
    """Return the person of the address, made when it is new; of one who is known only what is empty is filled."""
    person, made = Subscriber.objects.get_or_create(
        email=row.email,
        defaults={
            "email_key": bytes(row.email_key), "name": row.name, "language": row.language,
            "fields": row.fields, "source": f"form: {row.form.name}"[:100],
        },
    )  # fmt: skip
    if not made:
        person.name = person.name or row.name
        person.language = person.language or row.language
        person.fields = {**row.fields, **person.fields}
        person.save(update_fields=["name", "language", "fields", "updated_at"])
    return person


def _record(row: SignupRequest, person: Subscriber, *, method: Method, ip: str, page: str) -> int:
    """Write the request, the grants and the refusals; return the id of the grant of marketing mail."""
    notices = ConsentNotice.objects.in_bulk([*row.agreed.values(), *row.declined.values()])
    shown = {purpose: notices[digest] for purpose, digest in row.agreed.items() if digest in notices}
    form = f"form:{row.form.public_id}"
    basic = consent.ConsentEntry(
        subscriber_id=person.pk, purpose=Purpose.MARKETING, act=Act.REQUESTED, lawful_basis=LawfulBasis.NONE,
        method=Method.FORM, source=f"sign-up form: {row.form.name}", occurred_at=row.requested_at,
        actor="person", notice=shown[Purpose.MARKETING], ip=row.ip, form=form, page=row.page,
        language=row.language, evidence={"list": str(row.form.mailing_list.public_id)},
    )  # fmt: skip
    asked = consent.record_many(entries=[basic])[0]
    granted = basic._replace(
        act=Act.GRANTED, lawful_basis=LawfulBasis.CONSENT, method=method, occurred_at=clock.now(), ip=ip,
        page=page, confirms=asked,
    )  # fmt: skip
    entries = [granted, granted._replace(form=f"list:{row.form.mailing_list.public_id}")]
    entries += [
        granted._replace(purpose=purpose, notice=shown[purpose]) for purpose in TRACKING if purpose in shown
    ]
    entries += [
        granted._replace(
            purpose=purpose, act=Act.REFUSED, lawful_basis=LawfulBasis.NONE, notice=notices[digest]
        )
        for purpose, digest in _newly_declined(row, person).items()
        if digest in notices
    ]
    return consent.record_many(entries=entries)[0]


def _newly_declined(row: SignupRequest, person: Subscriber) -> dict[str, str]:
    """Return the refused purposes with their notices. A box left empty takes back no consent that was given before."""
    profile = Profile.objects.filter(pk=person.pk).first()
    given = {Purpose.OPENS: profile.opens_allowed, Purpose.CLICKS: profile.clicks_allowed} if profile else {}
    return {purpose: digest for purpose, digest in row.declined.items() if not given.get(Purpose(purpose))}
