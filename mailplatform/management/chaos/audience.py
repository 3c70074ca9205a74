"""The people of a trial, and what they do while the campaign is being sent."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from django.db import connection, transaction
from django.db.models import Model

from mailplatform.core import clock, keys
from subscribers.models import (
    MailingList,
    MarketingBasis,
    Profile,
    Subscriber,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from subscribers.services import erasure, unsubscribe

CHUNK: Final = 5_000
FRIEND = "friend"  # may be mailed
REFUSED = "refused"  # may be mailed, but Amazon refuses the address
SUPPRESSED, WITHDRAWN, NO_BASIS = "suppressed", "withdrawn", "nobasis"
JOINED = "joined"  # came after the launch
MAILABLE: Final = frozenset({FRIEND, REFUSED})
_BASIS: Final = {WITHDRAWN: MarketingBasis.WITHDRAWN, NO_BASIS: MarketingBasis.NONE}
# In a thousand people.
_SHARES: Final = {REFUSED: 2, SUPPRESSED: 12, WITHDRAWN: 10, NO_BASIS: 16}


@dataclass(slots=True)
class Person:
    """One subscriber. `left_at` (Unix time) is when they unsubscribed or were erased."""

    id: int
    email: str
    group: str
    left_at: float | None = None


@dataclass
class Audience:
    """All people of one trial by id; addresses are unique among all trials."""

    mailing_list: MailingList
    people: dict[int, Person] = field(default_factory=dict)
    token: str = field(default_factory=lambda: uuid.uuid4().hex[:8])

    def of(self, *groups: str) -> Iterator[Person]:
        """The people of these groups who have not left."""
        return (
            person for person in self.people.values() if person.group in groups and person.left_at is None
        )

    def add(self, count: int, group: str) -> None:
        """Make so many people of a group, all on the list."""
        for start in range(0, count, CHUNK):
            self._add_chunk(min(CHUNK, count - start), group)

    def _add_chunk(self, count: int, group: str) -> None:
        now, first = clock.now(), len(self.people)
        emails = [f"{group}{first + number}.{self.token}@example.org" for number in range(count)]
        addresses = [keys.email_key(email) for email in emails]
        basis = _BASIS.get(group, MarketingBasis.CONSENT)
        with transaction.atomic():
            ids = insert_like(
                Subscriber(language="en", name="Person of the lab"),
                public_id=[uuid.uuid4() for _ in emails],
                email=emails,
                email_key=addresses,
            )
            profile = Profile(joined_at=now, marketing_basis=basis, list_ids=[self.mailing_list.pk])
            insert_like(profile, subscriber_id=ids)
            state = SubscriptionState.CONFIRMED
            subscription = Subscription(mailing_list=self.mailing_list, state=state, confirmed_at=now)
            insert_like(subscription, subscriber_id=ids)
            if group == SUPPRESSED:
                insert_like(Suppression(reason=SuppressionReason.COMPLAINT), email_key=addresses)
        for id_, email in zip(ids, emails, strict=True):
            self.people[id_] = Person(id_, email, group)

    def let_leave(self, how: str) -> int:
        """Some unsubscribe, are erased, or join; returns how many."""
        few = min(10, max(3, len(self.people) // 500))
        if how == "join":
            self.add(few, JOINED)
            return few
        chosen = [person for person, _ in zip(self.of(FRIEND), range(few), strict=False)]
        for person in chosen:
            if how == "erase":
                erasure.erase(subscriber_id=person.id, actor=None, source="fault lab")
            else:
                unsubscribe.leave_all(subscriber_id=person.id, source="fault lab", method="page")
            person.left_at = time.time()
        return len(chosen)


def insert_like(template: Model, **columns: list[Any]) -> list[Any]:
    """Insert a row like `template` for each value of `columns`; returns their keys, in that order.

    A statement for thousands: saving them one by one takes longer than mailing them.
    """
    meta = template._meta  # noqa: SLF001 - Django's documented way to a model's fields
    fields = {str(field.column): field for field in meta.local_concrete_fields}
    types = {name: str(field.db_type(connection)) for name, field in fields.items()}
    same = [name for name in fields if name not in columns and fields[name] is not meta.pk]
    values = [f"%s::{types[name]}" for name in same] + [f"v.{name}" for name in columns]
    arrays = ", ".join(f"%s::{types[name]}[]" for name in columns)
    statement = (
        f"INSERT INTO {meta.db_table} ({', '.join([*same, *columns])}) SELECT {', '.join(values)} "  # noqa: S608 - names of columns
        f"FROM unnest({arrays}) WITH ORDINALITY v({', '.join(columns)}, place) ORDER BY place "
        f"RETURNING {meta.pk.column}"
    )
    constants = [
        fields[name].get_db_prep_save(fields[name].pre_save(template, add=True), connection) for name in same
    ]
    with connection.cursor() as cursor:
        cursor.execute(statement, [*constants, *columns.values()])
        return [row[0] for row in cursor.fetchall()]


def make(recipients: int) -> Audience:
    """Return a new list with so many people on it, most of whom may be mailed."""
    mailing_list = MailingList.objects.create(name=f"Fault lab {uuid.uuid4().hex[:8]}")
    audience = Audience(mailing_list)
    rest = recipients
    for group, share in _SHARES.items():
        count = recipients * share // 1000
        audience.add(count, group)
        rest -= count
    audience.add(rest, FRIEND)
    return audience
