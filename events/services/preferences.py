"""What a reader sets on the preference page: lists, tracking consents."""

from collections.abc import Collection

from django.db import transaction

from campaigns.tokens import UnsubscribeClaim
from events.selectors import hosted
from mailplatform.core import clock
from subscribers.models import Act, LawfulBasis, Method, Purpose
from subscribers.services import consent, unsubscribe

from .leaving import source_of

WORDINGS = {
    Purpose.OPENS: "You may record whether and when I open your mail, to see which mail is read.",
    Purpose.CLICKS: "You may record which links in your mail I follow, to see which content is of use.",
}


@transaction.atomic
def save(
    *, claim: UnsubscribeClaim, list_ids: Collection[int], opens: bool, clicks: bool, ip: str = ""
) -> bool:
    """Bring the reader's lists and tracking consents to what they chose. True if anything changed.

    Only lists that the page showed can be chosen. Every change is a record of the ledger with the wording shown.
    """
    if claim.is_test or not hosted.reader_of(claim).exists:
        return False
    before = hosted.preferences_of(claim)
    shown = {topic.id: topic.is_on for topic in before.topics}
    leaving = [pk for pk, is_on in shown.items() if is_on and pk not in list_ids]
    joining = [pk for pk, is_on in shown.items() if not is_on and pk in list_ids]
    changed = False
    source = source_of(claim)
    if leaving:
        changed |= unsubscribe.leave(
            subscriber_id=hosted.person_of(claim), list_ids=leaving, withdraw_marketing=False, source=source,
            method="page", ip=ip,
        )  # fmt: skip
    if joining:
        changed |= unsubscribe.undo(
            subscriber_id=hosted.person_of(claim),
            list_ids=joining,
            restore_marketing=True,
            source=source,
            ip=ip,
        )
    entries = [
        _entry(claim, purpose, allowed=allowed, ip=ip)
        for purpose, allowed, was in (
            (Purpose.OPENS, opens, before.opens_allowed),
            (Purpose.CLICKS, clicks, before.clicks_allowed),
        )
        if allowed != was
    ]
    if entries:
        consent.record_many(entries=entries)
    return changed or bool(entries)


def _entry(claim: UnsubscribeClaim, purpose: Purpose, *, allowed: bool, ip: str) -> consent.ConsentEntry:
    return consent.ConsentEntry(
        subscriber_id=hosted.person_of(claim), purpose=purpose, act=Act.GRANTED if allowed else Act.WITHDRAWN,
        lawful_basis=LawfulBasis.CONSENT if allowed else LawfulBasis.NONE, method=Method.PAGE,
        source=source_of(claim), occurred_at=clock.now(), actor="person", ip=ip, page="/p/",
        notice=consent.ensure_notice(purpose=purpose, text=WORDINGS[purpose]),
    )  # fmt: skip
