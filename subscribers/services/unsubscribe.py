"""Leaving, and coming back by one's own act. All of it is idempotent and knows campaigns as opaque sources.

Leaving one list is recorded for that list. Whoever leaves the last of their lists, or was written to as a
member of a segment, withdraws marketing consent. "All mail" also suppresses the address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from mailplatform.accounts.models import User
from mailplatform.core import clock

from ..models import (
    Act,
    LawfulBasis,
    MailingList,
    MarketingBasis,
    Profile,
    Purpose,
    Subscriber,
    Subscription,
    SubscriptionState,
    Suppression,
    SuppressionReason,
)
from ..models.consent import OWN_METHODS
from ..selectors import merging
from . import basis, consent, suppression

CONFIRM = """
    UPDATE subscribers_subscription SET state = 'confirmed', confirmation_id = %(record)s,
        confirmed_at = %(now)s, unsubscribed_at = NULL, updated_at = %(now)s
    WHERE subscriber_id = %(person)s AND mailing_list_id = ANY(%(lists)s) AND state = 'unsubscribed'
"""
COPY_LISTS = """
    UPDATE subscribers_profile p SET list_ids = coalesce((
        SELECT array_agg(m.mailing_list_id ORDER BY m.mailing_list_id) FROM subscribers_subscription m
        WHERE m.subscriber_id = p.subscriber_id AND m.state = 'confirmed'), '{}')
    WHERE p.subscriber_id = %s
"""


@dataclass(frozen=True, slots=True)
class _Act:
    """What all records of one visit share."""

    subscriber: Subscriber
    source: str
    method: str
    ip: str
    evidence: dict[str, Any]
    actor: str = "person"

    def entry(self, act: str, lawful_basis: str, form: str = "") -> consent.ConsentEntry:
        return consent.ConsentEntry(
            subscriber_id=self.subscriber.id, purpose=Purpose.MARKETING, act=act, lawful_basis=lawful_basis,
            method=self.method, source=self.source, occurred_at=clock.now(), actor=self.actor,
            evidence=self.evidence, ip=self.ip, form=form,
        )  # fmt: skip


@transaction.atomic
def leave(
    *,
    subscriber_id: int,
    list_ids: Sequence[int],
    withdraw_marketing: bool,
    source: str,
    method: str,
    ip: str = "",
) -> bool:
    """Leave these lists; if asked (the audience was a segment) or if no list is left, withdraw consent.

    Returns whether anything changed; a second time, or for somebody who was erased, nothing does.
    """
    act = _begin(subscriber_id, source, method, ip)
    if act is None:
        return False
    left = _leave_lists(act.subscriber, list_ids)
    entries = [act.entry(Act.WITHDRAWN, LawfulBasis.NONE, _form(mailing_list)) for mailing_list in left]
    on_a_list = Subscription.objects.filter(
        subscriber=act.subscriber, state=SubscriptionState.CONFIRMED
    ).exists()
    if (withdraw_marketing or (left and not on_a_list)) and not _has_withdrawn(act.subscriber):
        entries.append(act.entry(Act.WITHDRAWN, LawfulBasis.NONE))
    return _record(act.subscriber, entries)


@transaction.atomic
def leave_all(
    *, subscriber_id: int, source: str, method: str, ip: str = "", actor: User | None = None
) -> bool:
    """Object to all marketing mail: leave every list, withdraw consent, suppress the address; see `leave`.

    `actor` is the user who enters what the person told them; without one the person acted.
    """
    act = _begin(subscriber_id, source, method, ip, actor=f"user:{actor.pk}" if actor else "person")
    if act is None:
        return False
    suppressed = suppression.suppress(
        email_key=bytes(act.subscriber.email_key), reason=SuppressionReason.UNSUBSCRIBE, source=source
    )
    left = _leave_lists(act.subscriber, None)
    entries = [act.entry(Act.WITHDRAWN, LawfulBasis.NONE, _form(mailing_list)) for mailing_list in left]
    if suppressed or not _has_withdrawn(act.subscriber):
        entries.append(act.entry(Act.OBJECTED, LawfulBasis.NONE))
    return _record(act.subscriber, entries) or suppressed


@transaction.atomic
def undo(
    *,
    subscriber_id: int,
    list_ids: Sequence[int],
    restore_marketing: bool,
    source: str,
    method: str = "page",
    ip: str = "",
) -> bool:
    """Take a leaving back, by the person's own act on a page that only their mailbox leads to.

    Confirms again the lists among `list_ids` that they had left and, if there were any or if asked, gives
    marketing consent anew and lifts the suppression that "all mail" made. Returns whether anything changed.
    Raises `consent.ConsentError` for a `method` that is not the person's own.
    """
    if method not in OWN_METHODS:
        raise consent.ConsentError(f"{method!r} is not the person's own act")
    act = _begin(subscriber_id, source, method, ip, evidence={"undo": True})
    if act is None:
        return False
    left = list(
        MailingList.objects.filter(
            id__in=list_ids, subscriptions__subscriber=act.subscriber,
            subscriptions__state=SubscriptionState.UNSUBSCRIBED,
        ).order_by("id")
    )  # fmt: skip
    key = bytes(act.subscriber.email_key)
    suppressed = Suppression.objects.filter(
        email_key=key, reason=SuppressionReason.UNSUBSCRIBE, lifted_at=None
    )
    entries = [act.entry(Act.GRANTED, LawfulBasis.CONSENT, _form(mailing_list)) for mailing_list in left]
    if (restore_marketing or left) and (_has_withdrawn(act.subscriber) or suppressed.exists()):
        entries.append(act.entry(Act.GRANTED, LawfulBasis.CONSENT))
        suppressed.update(lifted_at=clock.now(), lifted_because=f"undone by the person ({source})"[:200])
    return _record(act.subscriber, entries, back=[mailing_list.id for mailing_list in left])


def _begin(
    subscriber_id: int,
    source: str,
    method: str,
    ip: str,
    *,
    evidence: dict[str, Any] | None = None,
    actor: str = "person",
) -> _Act | None:
    """Take the locks of one person, in the order that all transactions keep; None if the person is gone.

    Mail that went to somebody who was merged since speaks for whom they were merged into.
    """
    subscriber = Subscriber.objects.filter(id=merging.current_id(subscriber_id)).first()
    if subscriber is None:
        return None
    with connection.cursor() as cursor:
        suppression.lock_keys(cursor, [bytes(subscriber.email_key)])
        basis.lock_profiles(cursor, [subscriber.id])
    return _Act(subscriber, source, method, ip, evidence or {}, actor)


def _leave_lists(subscriber: Subscriber, list_ids: Sequence[int] | None) -> list[MailingList]:
    """Mark the subscriptions that are not left yet; return their lists."""
    now = clock.now()
    found = Subscription.objects.filter(subscriber=subscriber).exclude(state=SubscriptionState.UNSUBSCRIBED)
    if list_ids is not None:
        found = found.filter(mailing_list_id__in=list(list_ids))
    lists = [
        subscription.mailing_list for subscription in found.select_related("mailing_list").order_by("id")
    ]
    found.update(state=SubscriptionState.UNSUBSCRIBED, unsubscribed_at=now, updated_at=now)
    return lists


def _has_withdrawn(subscriber: Subscriber) -> bool:
    return Profile.objects.filter(
        subscriber_id=subscriber.id, marketing_basis=MarketingBasis.WITHDRAWN
    ).exists()  # fmt: skip


def _record(
    subscriber: Subscriber, entries: Sequence[consent.ConsentEntry], back: Sequence[int] = ()
) -> bool:
    """Write the records as one block and bring subscriptions and profile up to date."""
    if not entries:
        return False
    ids = consent.record_many(entries=entries)
    with connection.cursor() as cursor:
        if back:
            cursor.execute(
                CONFIRM, {"record": ids[0], "now": clock.now(), "person": subscriber.id, "lists": list(back)}
            )
        cursor.execute(COPY_LISTS, [subscriber.id])
    return True


def _form(mailing_list: MailingList) -> str:
    """Name the list in the record; records of one list move no basis (see `basis`)."""
    return f"list:{mailing_list.public_id}"
