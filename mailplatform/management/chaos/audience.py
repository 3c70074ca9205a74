"""The people of a trial, and what they do while the campaign is being sent."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from django.db import transaction

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
        with transaction.atomic():
            made = Subscriber.objects.bulk_create(
                Subscriber(
                    email=email, email_key=keys.email_key(email), name=f"Person {number}", language="en"
                )
                for number, email in enumerate(emails)
            )
            Profile.objects.bulk_create(
                Profile(
                    subscriber_id=each.pk,
                    joined_at=now,
                    marketing_basis=_BASIS.get(group, MarketingBasis.CONSENT),
                    list_ids=[self.mailing_list.pk],
                )
                for each in made
            )
            Subscription.objects.bulk_create(
                Subscription(
                    subscriber=each,
                    mailing_list=self.mailing_list,
                    state=SubscriptionState.CONFIRMED,
                    confirmed_at=now,
                )
                for each in made
            )
            if group == SUPPRESSED:
                Suppression.objects.bulk_create(
                    Suppression(email_key=each.email_key, reason=SuppressionReason.COMPLAINT) for each in made
                )
        for each in made:
            self.people[each.pk] = Person(each.pk, each.email, group)

    def let_leave(self, how: str) -> int:
        """Some unsubscribe, are erased, or join; returns how many."""
        few = max(3, len(self.people) // 500)
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
