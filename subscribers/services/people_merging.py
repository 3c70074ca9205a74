"""Two records of one person become one: what they said "no" to wins, and nothing is said in their name.

Who stays keeps address, number and history; of the other one remain the consent records, the deliveries and a
row that says into whom they were merged. The rules, in short:

- name, language, time zone and fields: those of who stays; the other's where they have none. Tags: of both.
- lists: on each list that either is on; left where either left. Who gets no marketing mail joins no list.
- a basis to write to them, and consent to tracking, is not inherited: it was given with another address. Whatever
  the other withdrew, refused or objected to is recorded for who stays, too.
- complaints, unsubscriptions and blocks by hand are carried over. A bounce is about its address and stays with it.
- the other's address gets no mail any more, until the person themselves signs up with it.
- a pause: the longer one; how often: the rarer. Orders: of both.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..models import (
    Act,
    ConsentRecord,
    LawfulBasis,
    MarketingBasis,
    Method,
    PersonMerge,
    Profile,
    Purpose,
    Subscriber,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from ..models.consent import OWN_METHODS
from . import basis, consent, orders, profiles, suppression

_REFUSALS: Final = frozenset({Act.WITHDRAWN.value, Act.OBJECTED.value, Act.REFUSED.value})
# Marketing mail on these bases is a topic of its own, as in `basis`.
_OWN_TOPICS: Final = frozenset({LawfulBasis.CONTRACT.value, LawfulBasis.LEGITIMATE_INTEREST.value})
_TEXTS: Final = (("name", "Name"), ("language", "Language"), ("time_zone", "Time zone"))
Topic = tuple[str, str]  # purpose, lawful basis of a topic of its own or ''


class MergeError(ValueError):
    """These two cannot be merged; the message says why. Nothing was changed."""


class SamePerson(MergeError):
    """Both are one record already."""


class PersonGone(MergeError):
    """One of them was erased, or merged into somebody before."""


@dataclass
class Outcome:
    """What the merge of two people comes to; `lists` says by list what becomes of a subscription."""

    keep: Subscriber
    other: Subscriber
    texts: dict[str, str] = field(default_factory=dict)
    fields: dict[str, Any] = field(default_factory=dict)
    tags: list[str] = field(default_factory=list)
    joins: list[Subscription] = field(default_factory=list)
    leaves: list[Subscription] = field(default_factory=list)
    left_out: list[Subscription] = field(default_factory=list)
    refusals: list[Topic] = field(default_factory=list)
    suppressions: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """Label, value of who stays, value of the other, result: one line for each datum of either."""
        found = [
            (label, getattr(self.keep, name), getattr(self.other, name), self.texts[name])
            for name, label in _TEXTS
        ]
        for key in sorted(self.keep.fields.keys() | self.other.fields.keys()):
            values = (self.keep.fields.get(key, ""), self.other.fields.get(key, ""), self.fields[key])
            found.append((key, *(str(value) for value in values)))
        return [row for row in found if row[3]]

    @property
    def refusal_words(self) -> list[str]:
        """What is recorded as withdrawn for who stays."""
        words = [
            Purpose(purpose).label + (f", {LawfulBasis(own).label}" if own else "")
            for purpose, own in self.refusals
        ]
        return words + [SuppressionReason(reason).label for reason in self.suppressions]


def preview(*, keep_id: int, other_id: int) -> Outcome:
    """What merging would do; changes nothing. Raises `SamePerson`, `PersonGone`."""
    return _outcome(*_both(keep_id, other_id))


@transaction.atomic
def merge(*, keep_id: int, other_id: int, actor: User | None) -> Subscriber:
    """Make one person of two; `keep_id` stays. Raises `SamePerson`, `PersonGone`."""
    keep, other = _lock(*_both(keep_id, other_id))
    outcome = _outcome(keep, other)
    _unite_data(outcome)
    _unite_lists(outcome)
    _suppress(outcome)
    with connection.cursor() as cursor:
        orders.move(cursor, from_id=other.pk, to_id=keep.pk)
    profiles.refresh(subscriber_ids=[keep.pk])
    _unite_profiles(keep.pk, other.pk)
    consent.record_many(entries=_records(outcome, actor))
    _retire(keep, other, actor)
    audit.record(
        actor=actor,
        action="subscriber.merged",
        obj=keep,
        detail={"merged": other_id, "subject": str(other.public_id)},
    )
    return keep


def _both(keep_id: int, other_id: int) -> tuple[Subscriber, Subscriber]:
    if keep_id == other_id:
        raise SamePerson("This is the same person. Choose another one.")
    found = Subscriber.objects.in_bulk([keep_id, other_id])
    for number in (keep_id, other_id):
        if number not in found:
            if PersonMerge.objects.filter(old_id=number).exists():
                raise PersonGone("This person was merged into somebody else already.")
            raise PersonGone("This person was erased, or never existed.")
    return found[keep_id], found[other_id]


def _lock(keep: Subscriber, other: Subscriber) -> tuple[Subscriber, Subscriber]:
    """Take the locks in the order of all writers: keys, people, profiles; then look again."""
    ids = [keep.pk, other.pk]
    with connection.cursor() as cursor:
        suppression.lock_keys(cursor, [bytes(keep.email_key), bytes(other.email_key)])
        list(Subscriber.objects.select_for_update().filter(pk__in=ids).order_by("pk"))
        basis.lock_profiles(cursor, ids)
    return _both(*ids)


def _outcome(keep: Subscriber, other: Subscriber) -> Outcome:
    made = Outcome(keep, other)
    made.texts = {name: getattr(keep, name) or getattr(other, name) for name, _ in _TEXTS}
    made.fields = other.fields | {k: v for k, v in keep.fields.items() if v not in ("", None, [])}
    made.tags = sorted({tag.name for person in (keep, other) for tag in person.tags.all()})
    theirs = set(_live(other)) & suppression.ABOUT_PERSON
    made.suppressions = sorted(theirs - set(_live(keep)))
    made.refusals = sorted(_refusals(other) - _refusals(keep))
    _decide_lists(made)
    return made


def _decide_lists(made: Outcome) -> None:
    is_silenced = (
        bool(_live(made.keep) or made.suppressions or (Purpose.MARKETING.value, "") in made.refusals)
        or Profile.objects.filter(pk=made.keep.pk, marketing_basis=MarketingBasis.WITHDRAWN).exists()
    )
    own = {found.mailing_list_id: found for found in _subscriptions(made.keep)}
    for found in _subscriptions(made.other):
        mine = own.get(found.mailing_list_id)
        if found.state == SubscriptionState.UNSUBSCRIBED:
            if mine is None or mine.state != SubscriptionState.UNSUBSCRIBED:
                made.leaves.append(found)
        elif found.state == SubscriptionState.CONFIRMED and (
            mine is None or mine.state == SubscriptionState.PENDING
        ):
            (made.left_out if is_silenced else made.joins).append(found)


def _subscriptions(person: Subscriber) -> Iterable[Subscription]:
    return (
        Subscription.objects.filter(subscriber=person)
        .select_related("mailing_list")
        .order_by("mailing_list_id")
    )


def _live(person: Subscriber) -> list[str]:
    live = Suppression.objects.filter(email_key=bytes(person.email_key), lifted_at=None)
    return list(live.values_list("reason", flat=True))


def _refusals(person: Subscriber) -> set[Topic]:
    """The topics to which the person's last word is "no"; see `basis` for what takes a "no" back."""
    records = ConsentRecord.objects.filter(subject=person.public_id).exclude(form__startswith="list:")
    found: set[Topic] = set()
    for purpose, act, lawful, method, actor in records.order_by("id").values_list(
        "purpose", "act", "lawful_basis", "method", "actor"
    ):
        topic = (purpose, lawful if purpose == Purpose.MARKETING and lawful in _OWN_TOPICS else "")
        is_own = actor == "person" and method in OWN_METHODS
        if act in _REFUSALS:
            found.add(topic)
        elif act == Act.GRANTED and (is_own or topic[1] == LawfulBasis.CONTRACT):
            found.discard(topic)
    return found


def _unite_data(made: Outcome) -> None:
    for name, value in made.texts.items():
        setattr(made.keep, name, value)
    made.keep.fields = made.fields
    made.keep.save(update_fields=[*made.texts, "fields", "updated_at"])
    made.keep.tags.add(*made.other.tags.all())


def _unite_lists(made: Outcome) -> None:
    """Before any suppression is carried over: the database lets nobody join a list who is suppressed."""
    for found in made.leaves + made.joins:
        Subscription.objects.update_or_create(
            subscriber=made.keep,
            mailing_list_id=found.mailing_list_id,
            defaults={
                "state": found.state,
                "confirmation_id": found.confirmation_id,
                "confirmed_at": found.confirmed_at,
                "unsubscribed_at": found.unsubscribed_at,
            },
            create_defaults={
                "state": found.state,
                "source": "merged with another person",
                "confirmation_id": found.confirmation_id,
                "confirmed_at": found.confirmed_at,
                "unsubscribed_at": found.unsubscribed_at,
            },
        )


def _suppress(made: Outcome) -> None:
    now, words = clock.now(), f"merged into person {made.keep.pk}"
    rows = [(bytes(made.keep.email_key), reason, "merge", "", now) for reason in made.suppressions]
    rows.append((bytes(made.other.email_key), SuppressionReason.MERGED.value, "merge", words, now))
    with connection.cursor() as cursor:
        suppression.suppress_keys(cursor, rows)


def _unite_profiles(keep_id: int, other_id: int) -> None:
    """The longer pause, the rarer mail, the last mail to either. The other agreed to measuring for themselves alone."""
    keep, other = Profile.objects.get(pk=keep_id), Profile.objects.get(pk=other_id)
    changes = {
        name: max(filter(None, (getattr(keep, name), getattr(other, name))), default=None)
        for name in ("paused_until", "mail_gap_days", "last_sent_at")
    }
    Profile.objects.filter(pk=keep_id).update(joined_at=min(keep.joined_at, other.joined_at), **changes)


def _records(made: Outcome, actor: User | None) -> list[consent.ConsentEntry]:
    """The merge in both histories, and every "no" of the other for who stays; the ledger is written last."""
    keep, other, now = made.keep, made.other, clock.now()
    who = f"user:{actor.pk}" if actor else "system"
    said = [
        (
            other.pk,
            Purpose.MARKETING.value,
            Act.MERGED,
            LawfulBasis.NONE.value,
            f"merged into {keep.public_id}",
        ),
        (
            keep.pk,
            Purpose.MARKETING.value,
            Act.MERGED,
            LawfulBasis.NONE.value,
            f"merged with {other.public_id}",
        ),
    ]
    for purpose, own in made.refusals:
        act = Act.OBJECTED if own else Act.WITHDRAWN
        said.append((keep.pk, purpose, act, own or LawfulBasis.NONE.value, f"said as {other.public_id}"))
    return [
        consent.ConsentEntry(
            subscriber_id=number,
            purpose=purpose,
            act=act,
            lawful_basis=lawful,
            method=Method.MANUAL,
            source=source,
            occurred_at=now,
            actor=who,
        )
        for number, purpose, act, lawful, source in said
    ]


def _retire(keep: Subscriber, other: Subscriber, actor: User | None) -> None:
    PersonMerge.objects.filter(survivor_id=other.pk).update(survivor_id=keep.pk)
    PersonMerge.objects.create(
        old_id=other.pk,
        old_subject=other.public_id,
        old_email_key=bytes(other.email_key),
        survivor_id=keep.pk,
        merged_at=clock.now(),
        merged_by=actor.pk if actor else None,
    )
    Profile.objects.filter(pk=other.pk).delete()
    other.delete()
