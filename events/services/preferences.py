"""What a reader sets on the preference page: lists, tracking consents, a pause, their language.

Each change of consent or of a pause is one record of the ledger, with the words shown in the reader's language, the
time and the network. The language of the mails is no consent and stands in no record.
"""

import datetime as dt
from collections.abc import Collection

from django.db import transaction

from campaigns.tokens import UnsubscribeClaim
from events.selectors import hosted
from mailplatform.core import clock
from subscribers import words
from subscribers.models import Act, LawfulBasis, Method, Purpose, Subscriber
from subscribers.services import consent, pausing, unsubscribe

from .leaving import source_of

WORDINGS = {Purpose.OPENS: "opens_wording", Purpose.CLICKS: "clicks_wording"}


@transaction.atomic
def save(
    *,
    claim: UnsubscribeClaim,
    list_ids: Collection[int],
    opens: bool,
    clicks: bool,
    language: str = "en",
    ip: str = "",
) -> bool:
    """Bring the reader's lists and tracking consents to what they chose. True if anything changed.

    Only lists that the page showed can be chosen. Every change is a record of the ledger with the wording shown.
    """
    if claim.is_test or not hosted.reader_of(claim).exists:
        return False
    person = hosted.person_of(claim)
    before = hosted.preferences_of(claim)
    shown = {topic.id: topic.is_on for topic in before.topics}
    leaving = [pk for pk, is_on in shown.items() if is_on and pk not in list_ids]
    joining = [pk for pk, is_on in shown.items() if not is_on and pk in list_ids]
    changed, source = False, source_of(claim)
    if leaving:
        changed |= unsubscribe.leave(
            subscriber_id=person,
            list_ids=leaving,
            withdraw_marketing=False,
            source=source,
            method="page",
            ip=ip,
        )
    if joining:
        changed |= unsubscribe.undo(
            subscriber_id=person, list_ids=joining, restore_marketing=True, source=source, ip=ip
        )
    entries = [
        _entry(person, source, purpose, language, allowed=allowed, ip=ip)
        for purpose, allowed, was in (
            (Purpose.OPENS, opens, before.opens_allowed),
            (Purpose.CLICKS, clicks, before.clicks_allowed),
        )
        if allowed != was
    ]
    if entries:
        consent.record_many(entries=entries)
    return changed or bool(entries)


def pause(*, claim: UnsubscribeClaim, days: int, language: str, ip: str = "") -> dt.datetime | None:
    """Keep marketing mail back for so many days; return until when. Raises pausing.PauseError."""
    if claim.is_test:
        return None
    wording = words.say(language, "pause_text", days=days)
    return pausing.pause(
        subscriber_id=hosted.person_of(claim), days=days, wording=wording, language=language,
        source=source_of(claim), ip=ip,
    )  # fmt: skip


def resume(*, claim: UnsubscribeClaim, language: str, ip: str = "") -> bool:
    """End the pause. False where there is none."""
    if claim.is_test:
        return False
    return pausing.resume(
        subscriber_id=hosted.person_of(claim), wording=words.say(language, "resume_text"), language=language,
        source=source_of(claim), ip=ip,
    )  # fmt: skip


def set_language(*, claim: UnsubscribeClaim, language: str) -> bool:
    """Let the reader's mail and pages come in this language. False for one that the pages do not speak."""
    if claim.is_test or language not in words.LANGUAGES:
        return False
    return bool(
        Subscriber.objects.filter(pk=hosted.person_of(claim)).update(
            language=language, updated_at=clock.now()
        )
    )


def _entry(
    person: int, source: str, purpose: Purpose, language: str, *, allowed: bool, ip: str
) -> consent.ConsentEntry:
    wording = words.say(language, WORDINGS[purpose])
    return consent.ConsentEntry(
        subscriber_id=person, purpose=purpose, act=Act.GRANTED if allowed else Act.WITHDRAWN,
        lawful_basis=LawfulBasis.CONSENT if allowed else LawfulBasis.NONE, method=Method.PAGE, source=source,
        occurred_at=clock.now(), actor="person", ip=ip, page="/p/",
        notice=consent.ensure_notice(purpose=purpose, text=wording, language=language),
    )  # fmt: skip
