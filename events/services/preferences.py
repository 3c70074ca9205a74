"""What a reader sets on the preference page: lists, tracking consents, a pause, how often, their language.

Each change of consent, of a pause or of the frequency is one record of the ledger, with the words shown in the reader's
language, the time and the network. A box that was shown and left is a refusal: see `subscribers.selectors.refusals`.
The language of the mails is no consent: its change stands in the audit log.
"""

import datetime as dt
from collections.abc import Collection

from django.db import transaction

from campaigns.tokens import UnsubscribeClaim
from events.selectors import hosted
from mailplatform.accounts.services import audit
from mailplatform.core import clock
from subscribers import words
from subscribers.models import Act, LawfulBasis, Method, Subscriber
from subscribers.services import consent, pausing, unsubscribe

from .leaving import source_of


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

    Only lists that the page showed can be chosen. Every change is a record of the ledger with the wording shown, and
    so is a question that was asked and answered with no; that alone is no change.
    """
    if claim.is_test or not hosted.reader_of(claim).exists:
        return False
    person = hosted.person_of(claim)
    before = hosted.preferences_of(claim)
    shown = {topic.id: topic.is_on for topic in before.topics}
    leaving = [pk for pk, is_on in shown.items() if is_on and pk not in list_ids]
    joining = [pk for pk, is_on in shown.items() if not is_on and pk in list_ids]
    changed, source = False, source_of(claim)
    # Before any lock of the ledger: new wordings have a lock of their own.
    chosen = {"opens": opens, "clicks": clicks}
    answers: list[tuple[hosted.Question, Act | None]] = [
        (question, _act(question, is_ticked=chosen[question.name])) for question in before.questions
    ]
    answers += [(question, Act.GRANTED) for question in before.not_asked if chosen[question.name]]
    entries = [
        _entry(question, act, person=person, source=source, language=language, ip=ip)
        for question, act in answers
        if act
    ]
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
    consent.record_many(entries=entries)
    return changed or any(entry.act != Act.REFUSED for entry in entries)


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
    with transaction.atomic():
        person = Subscriber.objects.select_for_update().filter(pk=hosted.person_of(claim)).first()
        if person is not None and person.language != language:
            detail = {"from": person.language, "to": language, "by": "the person", "source": source_of(claim)}
            audit.record(actor=None, action="subscriber.language", obj=person, detail=detail)
            person.language = language
            person.save(update_fields=["language", "updated_at"])
    return person is not None


def choose_frequency(*, claim: UnsubscribeClaim, gap_days: int, language: str, ip: str = "") -> bool:
    """Send at most one marketing mail in so many days, 0 for all of them. False where nothing changes.

    Raises pausing.PauseError.
    """
    if claim.is_test:
        return False
    key = f"often_{gap_days}_text"
    return pausing.choose_frequency(
        subscriber_id=hosted.person_of(claim), gap_days=gap_days, language=language, source=source_of(claim),
        wording=words.say(language, key) if gap_days in pausing.GAPS else "", ip=ip,
    )  # fmt: skip


def _act(question: hosted.Question, *, is_ticked: bool) -> Act | None:
    if is_ticked == question.is_on:
        return None if is_ticked else Act.REFUSED
    return Act.GRANTED if is_ticked else Act.WITHDRAWN


def _entry(
    question: hosted.Question, act: Act, *, person: int, source: str, language: str, ip: str
) -> consent.ConsentEntry:
    wording = words.say(language, question.wording)
    return consent.ConsentEntry(
        subscriber_id=person, purpose=question.purpose, act=act, method=Method.PAGE, source=source,
        lawful_basis=LawfulBasis.CONSENT if act == Act.GRANTED else LawfulBasis.NONE,
        occurred_at=clock.now(), actor="person", ip=ip, page="/p/",
        notice=consent.ensure_notice(purpose=question.purpose, text=wording, language=language),
    )  # fmt: skip
