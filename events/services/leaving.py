"""What a subscriber decides on a hosted page: leave, leave everything, come back. Each is one transaction.

The link's token names a run and a person; it is all the proof that is asked for, because only the mailbox has it.
"""

import secrets
from collections import Counter as Tally
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from campaigns.models import Run
from campaigns.tokens import UnsubscribeClaim
from events.ingest import store
from events.ingest.merging import People
from events.models import Event, EventType, Outcome
from mailplatform.core import clock
from subscribers.models import (
    ConsentRecord,
    MailingList,
    Purpose,
    Subscriber,
    SubscriptionState,
    SuppressionReason,
)
from subscribers.models.consent import NO
from subscribers.selectors import merging
from subscribers.services import suppression, unsubscribe

# How long the page offers to undo: a slip is noticed at once. Later, a mail that was passed on or found by somebody
# else must not bring anybody back; the person chooses again on the page of preferences.
UNDO_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Audience:
    """The lists that the run was sent to, and whether a segment chose the people."""

    list_ids: list[int]
    by_segment: bool


def audience_of(run_id: int) -> Audience:
    """Return whom a run was sent to. A run that is gone (a restored backup) counts as one of a segment."""
    frozen = Run.objects.filter(pk=run_id).values_list("frozen", flat=True).first()
    if frozen is None:
        return Audience([], by_segment=True)
    list_ids = [int(pk) for pk in frozen.get("list_ids", [])]
    return Audience(list_ids, by_segment=bool(frozen.get("segment_chosen")) or not list_ids)


@transaction.atomic
def leave(*, claim: UnsubscribeClaim, method: str, ip: str = "") -> bool:
    """Leave every list that the run was sent to; where a segment chose, withdraw consent. True if anything changed.

    A second time, for an erased person or with the link of a test mail nothing changes.
    """
    if claim.is_test:
        return False
    audience = audience_of(claim.run_id)
    before = clock.now()
    changed = unsubscribe.leave(
        subscriber_id=claim.subscriber_id,
        list_ids=audience.list_ids,
        withdraw_marketing=audience.by_segment,
        source=source_of(claim),
        method=method,
        ip=ip,
    )
    if changed:
        _note(claim, before)
    return changed


@transaction.atomic
def leave_all(*, claim: UnsubscribeClaim, ip: str = "") -> bool:
    """Object to all marketing mail. True if anything changed."""
    if claim.is_test:
        return False
    before = clock.now()
    changed = unsubscribe.leave_all(
        subscriber_id=claim.subscriber_id, source=source_of(claim), method="page", ip=ip
    )
    if changed:
        _note(claim, before)
    return changed


@transaction.atomic
def come_back(*, claim: UnsubscribeClaim, ip: str = "") -> bool:
    """Undo what was left through this link: the same lists and no others. True if anything changed.

    A wider "no" that the person gave elsewhere since then stands, and nothing is changed: an old mail, perhaps
    forwarded, must not take it back. Nor does anything change after UNDO_WITHIN, or where mail is blocked.
    """
    since = left_at(claim) if can_undo(claim) else None
    subject = Subscriber.objects.filter(pk=claim.subscriber_id).values_list("public_id", flat=True).first()
    if since is None or subject is None:
        return False
    said = _newest_words(subject)
    if said.get("", source_of(claim)) != source_of(claim):
        return False
    here = [
        form.removeprefix("list:") for form, source in said.items() if form and source == source_of(claim)
    ]
    lists = MailingList.objects.filter(
        public_id__in=here,
        subscriptions__subscriber_id=claim.subscriber_id,
        subscriptions__state=SubscriptionState.UNSUBSCRIBED,
        subscriptions__unsubscribed_at__gte=since,
    )
    changed = unsubscribe.undo(
        subscriber_id=claim.subscriber_id,
        list_ids=list(lists.order_by("pk").values_list("pk", flat=True)),
        restore_marketing=True,
        source=source_of(claim),
        ip=ip,
    )
    _uncount(claim, since)
    return changed


def can_undo(claim: UnsubscribeClaim) -> bool:
    """Whether the person left through this link within UNDO_WITHIN, and mail to them is not blocked."""
    since = None if claim.is_test else left_at(claim)
    return since is not None and clock.now() - since <= UNDO_WITHIN and not is_blocked(claim)


def is_blocked(claim: UnsubscribeClaim) -> bool:
    """Whether the address gets no mail whatever its owner clicks here: it bounced, complained or was blocked."""
    person = merging.current_id(claim.subscriber_id)
    key = Subscriber.objects.filter(pk=person).values_list("email_key", flat=True).first()
    if key is None or claim.is_test:
        return False
    reasons = suppression.suppression_reasons(bytes(key))
    return bool(reasons - {SuppressionReason.UNSUBSCRIBE.value})


def _newest_words(subject: UUID) -> dict[str, str]:
    """Return where the person's newest "no" came from, per list (`list:…`) and for all mail (empty).

    What they took back themselves since is left out.
    """
    found: dict[str, str] = {}
    records = ConsentRecord.objects.filter(subject=subject, purpose=Purpose.MARKETING).order_by("pk")
    for record in records:
        form = record.form if record.form.startswith("list:") else ""
        if record.act in NO:
            found[form] = record.source
        elif record.is_own_grant:
            found.pop(form, None)
    return found


def _uncount(claim: UnsubscribeClaim, since: datetime) -> None:
    """Take the person out of the report, once: of two clicks at the same moment one finds nothing to do."""
    taken = Outcome.objects.filter(
        run_id=claim.run_id, subscriber_id=claim.subscriber_id, unsubscribed_at=since
    ).update(unsubscribed_at=None)
    if taken:
        hour = since.replace(minute=0, second=0, microsecond=0)
        _count(Tally(), Tally({(claim.run_id, hour, EventType.UNSUBSCRIBE.value, 0, False): -1}))


def left_at(claim: UnsubscribeClaim) -> datetime | None:
    """Return when the person left through this link, or None."""
    found = Outcome.objects.filter(run_id=claim.run_id, subscriber_id=claim.subscriber_id)
    return found.values_list("unsubscribed_at", flat=True).first()


def source_of(claim: UnsubscribeClaim) -> str:
    """Return how the ledger names the link: the run, and nothing that a lower app would have to understand."""
    return f"run:{claim.run_id}"


def _note(claim: UnsubscribeClaim, at: datetime) -> None:
    """Count the person once in the run's report, however many ways out they try."""
    Outcome.objects.bulk_create(
        [Outcome(run_id=claim.run_id, subscriber_id=claim.subscriber_id)], ignore_conflicts=True
    )
    first = Outcome.objects.filter(
        run_id=claim.run_id, subscriber_id=claim.subscriber_id, unsubscribed_at=None
    ).update(unsubscribed_at=at)
    Event.objects.create(
        occurred_at=at, identity=secrets.token_bytes(16), type=EventType.UNSUBSCRIBE, run_id=claim.run_id,
        subscriber_id=claim.subscriber_id, received_at=at, detail={},
    )  # fmt: skip
    hour = at.replace(minute=0, second=0, microsecond=0)
    place = (claim.run_id, hour, EventType.UNSUBSCRIBE.value, 0, False)
    _count(Tally({place: 1}), Tally({place: first}))


def _count(events: People, people: People) -> None:
    with store.raw_cursor() as cursor:
        store.add_counters(cursor, events, people)
