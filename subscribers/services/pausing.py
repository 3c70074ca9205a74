"""A pause: no marketing mail for some days, by the person's own choice. `eligibility` keeps the mail back.

Each change is one record of the ledger with the words shown; a pause touches no consent and ends by itself.
"""

import datetime as dt
from typing import Final, NamedTuple

from django.db import connection, transaction

from mailplatform.core import clock

from ..models import Act, LawfulBasis, Method, Profile, Purpose, Subscriber
from . import basis, consent

DAYS: Final = (30, 90)


class _Words(NamedTuple):
    """What was shown, in which language, where and to whom."""

    wording: str
    language: str
    source: str
    ip: str


class PauseError(ValueError):
    """There is no such pause."""


@transaction.atomic
def pause(
    *, subscriber_id: int, days: int, wording: str, language: str, source: str, ip: str = ""
) -> dt.datetime | None:
    """Keep marketing mail back for 30 or 90 days from now; return until when, None if the person is gone.

    Raises PauseError for any other number of days.
    """
    if days not in DAYS:
        message = f"a pause lasts {' or '.join(map(str, DAYS))} days"
        raise PauseError(message)
    until = clock.now() + dt.timedelta(days=days)
    evidence = {"until": until.isoformat(timespec="seconds")}
    words = _Words(wording, language, source, ip)
    return until if _change(subscriber_id, Act.PAUSED, until, words, evidence) else None


@transaction.atomic
def resume(*, subscriber_id: int, wording: str, language: str, source: str, ip: str = "") -> bool:
    """End a pause now. False where there is none."""
    paused = Profile.objects.filter(pk=subscriber_id, paused_until__gt=clock.now()).exists()
    return paused and _change(subscriber_id, Act.RESUMED, None, _Words(wording, language, source, ip), {})


def _change(
    subscriber_id: int, act: Act, until: dt.datetime | None, words: _Words, evidence: dict[str, str]
) -> bool:
    if not Subscriber.objects.filter(pk=subscriber_id).exists():
        return False
    notice = consent.ensure_notice(purpose=Purpose.MARKETING, text=words.wording, language=words.language)
    with connection.cursor() as cursor:
        basis.lock_profiles(cursor, [subscriber_id])
    Profile.objects.filter(pk=subscriber_id).update(paused_until=until)
    entry = consent.ConsentEntry(
        subscriber_id=subscriber_id, purpose=Purpose.MARKETING, act=act, lawful_basis=LawfulBasis.NONE,
        method=Method.PAGE, source=words.source, occurred_at=clock.now(), actor="person", notice=notice, ip=words.ip,
        page="/p/", evidence=evidence,
    )  # fmt: skip
    consent.record_many(entries=[entry])
    return True
