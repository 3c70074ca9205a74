"""A pause, or less mail, by the person's own choice. `eligibility` keeps the marketing mail back.

Each change is one record of the ledger with the words shown, and touches no consent. A pause ends by itself.
"""

import datetime as dt
from typing import Any, Final, NamedTuple

from django.db import connection, transaction

from mailplatform.core import clock

from ..models import Act, LawfulBasis, Method, Profile, Purpose, Subscriber
from ..selectors import mailed
from . import basis, consent

DAYS: Final = (30, 90)
# At most one mail in so many days, 0 for all. A month is four weeks: a monthly newsletter is at times no longer away.
GAPS: Final = (0, 7, mailed.LONGEST_GAP_DAYS)


class _Words(NamedTuple):
    """What was shown, in which language, where and to whom."""

    wording: str
    language: str
    source: str
    ip: str


class PauseError(ValueError):
    """There is no such pause, or no such frequency."""


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
    evidence: dict[str, str | int] = {"until": until.isoformat(timespec="seconds")}
    words = _Words(wording, language, source, ip)
    return until if _change(subscriber_id, Act.PAUSED, {"paused_until": until}, words, evidence) else None


@transaction.atomic
def resume(*, subscriber_id: int, wording: str, language: str, source: str, ip: str = "") -> bool:
    """End a pause now. False where there is none."""
    paused = Profile.objects.filter(pk=subscriber_id, paused_until__gt=clock.now()).exists()
    words = _Words(wording, language, source, ip)
    return paused and _change(subscriber_id, Act.RESUMED, {"paused_until": None}, words, {})


@transaction.atomic
def choose_frequency(
    *, subscriber_id: int, gap_days: int, wording: str, language: str, source: str, ip: str = ""
) -> bool:
    """Send at most one marketing mail in so many days, 0 for all of them. False where nothing changes.

    Raises PauseError for a number that is none of `GAPS`.
    """
    if gap_days not in GAPS:
        message = f"choose one of {', '.join(map(str, GAPS))} days"
        raise PauseError(message)
    before = Profile.objects.filter(pk=subscriber_id).values_list("mail_gap_days", flat=True).first()
    if (before or 0) == gap_days:
        return False
    changes = {"mail_gap_days": gap_days or None}
    words = _Words(wording, language, source, ip)
    return _change(subscriber_id, Act.FREQUENCY, changes, words, {"gap_days": gap_days})


def _change(
    subscriber_id: int, act: Act, changes: dict[str, Any], words: _Words, evidence: dict[str, str | int]
) -> bool:
    if not Subscriber.objects.filter(pk=subscriber_id).exists():
        return False
    notice = consent.ensure_notice(purpose=Purpose.MARKETING, text=words.wording, language=words.language)
    with connection.cursor() as cursor:
        basis.lock_profiles(cursor, [subscriber_id])
    Profile.objects.filter(pk=subscriber_id).update(**changes)
    entry = consent.ConsentEntry(
        subscriber_id=subscriber_id, purpose=Purpose.MARKETING, act=act, lawful_basis=LawfulBasis.NONE,
        method=Method.PAGE, source=words.source, occurred_at=clock.now(), actor="person", notice=notice, ip=words.ip,
        page="/p/", evidence=evidence,
    )  # fmt: skip
    consent.record_many(entries=[entry])
    return True
