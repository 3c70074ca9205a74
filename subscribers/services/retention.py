"""How long what is kept, and letting go of the rest: one rule per class of data, run once a day, each run noted.

Classes of other apps are registered by them (`register`). Deleting goes in small transactions, so a run that is
killed has done a part and goes on the next day. Whoever is *engagement unknown* (nothing of them is measured)
never counts as inactive: silence that nobody listened to means nothing.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from django.db import DatabaseError, connection, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from .. import months as calendar_months
from ..models import RetentionRule, RetentionRun, RightsCase, RightsState
from . import erasure

log = structlog.get_logger(__name__)
AT_ONCE: Final = 500
SAMPLE: Final = 10
EVERY: Final = dt.timedelta(hours=23)
SOURCE: Final = "retention: inactive for too long"

# Known to be silent: something of theirs is measured, by the person's leave and by the installation, and for the whole
# time there was no open, click, order, or record of any kind. Customers under contract and restricted people stay.
_INACTIVE: Final = """
    FROM subscribers_subscriber s JOIN subscribers_profile p ON p.subscriber_id = s.id
    WHERE s.created_at < %(before)s AND NOT p.contract_basis AND NOT p.service_basis
    AND (p.last_opened_at IS NULL OR p.last_opened_at < %(before)s)
    AND (p.last_clicked_at IS NULL OR p.last_clicked_at < %(before)s)
    AND (p.last_ordered_at IS NULL OR p.last_ordered_at < %(before)s)
    AND EXISTS (SELECT FROM accounts_installation i
                WHERE i.track_opens AND p.opens_allowed OR i.track_clicks AND p.clicks_allowed)
    AND NOT EXISTS (SELECT FROM subscribers_consentrecord r
                    WHERE r.subject = s.public_id AND r.recorded_at >= %(before)s)
    AND NOT EXISTS (SELECT FROM subscribers_suppression x
                    WHERE x.email_key = s.email_key AND x.reason = 'restricted' AND x.lifted_at IS NULL)
"""
_UNKNOWN: Final = """
    SELECT count(*) FROM subscribers_subscriber s JOIN subscribers_profile p ON p.subscriber_id = s.id
    WHERE s.created_at < %(before)s AND NOT EXISTS (SELECT FROM accounts_installation i
        WHERE i.track_opens AND p.opens_allowed OR i.track_clicks AND p.clicks_allowed)
"""
_ENGAGED: Final = """
    FROM subscribers_profile p WHERE (p.last_opened_at IS NOT NULL OR p.last_clicked_at IS NOT NULL)
    AND (p.last_opened_at IS NULL OR p.last_opened_at < %(before)s)
    AND (p.last_clicked_at IS NULL OR p.last_clicked_at < %(before)s)
"""
_FORGET_ENGAGEMENT: Final = f"""
    UPDATE subscribers_profile SET last_opened_at = NULL, last_clicked_at = NULL, opens = 0, clicks = 0
    WHERE subscriber_id IN (SELECT p.subscriber_id {_ENGAGED} ORDER BY 1 LIMIT %(limit)s FOR UPDATE SKIP LOCKED)
"""  # noqa: S608 - constants of this module


class RetentionError(ValueError):
    """A rule that cannot be set so; the message says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """Whom or what a rule would touch: how many, some of them, and what else must be said."""

    count: int
    sample: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class DataClass:
    """One class of data. `months` and `set_months` are given where another place keeps the number.

    `clear` lets go of at most `AT_ONCE` things from before a time and returns how many; without it the class has a
    schedule of its own.
    """

    key: str
    label: str
    what: str
    default: int | None
    find: Callable[[dt.datetime], Found]
    clear: Callable[[dt.datetime], int] | None = None
    shortest: int = 1
    longest: int = 240
    may_keep: bool = True
    months: Callable[[], int] | None = None
    set_months: Callable[[int, User | None], None] | None = None


@dataclass(frozen=True, slots=True)
class Setting:
    """A class with the months that hold now; None keeps for ever."""

    kind: DataClass
    months: int | None


_classes: dict[str, DataClass] = {}


def register(kind: DataClass) -> None:
    """Let another app add a class of data."""
    _classes[kind.key] = kind


def settings() -> list[Setting]:
    """Return every class with what holds now."""
    stored = dict(RetentionRule.objects.values_list("key", "months"))
    return [
        Setting(kind, kind.months() if kind.months else stored.get(kind.key, kind.default))
        for kind in _classes.values()
    ]


def set_months(*, key: str, months: int | None, actor: User | None) -> None:
    """Keep a class for so many months, None for ever. Raises RetentionError."""
    kind = _known(key)
    if months is None and not kind.may_keep:
        raise RetentionError(f"{kind.label}: this cannot be kept for ever.")
    if months is not None and not kind.shortest <= months <= kind.longest:
        raise RetentionError(f"{kind.label}: {kind.shortest} to {kind.longest} months.")
    if kind.set_months is not None and months is not None:
        kind.set_months(months, actor)
        return
    with transaction.atomic():
        RetentionRule.objects.update_or_create(key=key, defaults={"months": months})
        audit.record(actor=actor, action="retention.changed", detail={"class": key, "months": months})


def look(*, key: str, months: int) -> Found:
    """Say whom the rule would touch with so many months; nothing is changed. Raises RetentionError."""
    kind = _known(key)
    if not kind.shortest <= months <= kind.longest:
        raise RetentionError(f"{kind.label}: {kind.shortest} to {kind.longest} months.")
    return kind.find(_before(months))


def run_due() -> list[RetentionRun]:
    """Run every rule that did not run for a day; one that fails is noted, and the others go on."""
    recent = set(
        RetentionRun.objects.filter(started_at__gt=clock.now() - EVERY).values_list("key", flat=True)
    )
    return [
        _run(setting.kind, setting.kind.clear, setting.months)
        for setting in settings()
        if setting.months is not None and setting.kind.clear is not None and setting.kind.key not in recent
    ]


def _run(kind: DataClass, clear: Callable[[dt.datetime], int], months: int) -> RetentionRun:
    run = RetentionRun.objects.create(key=kind.key, before=_before(months))
    try:
        while number := clear(run.before):
            run.touched += number
            run.save(update_fields=["touched"])
    except (DatabaseError, ValueError, LookupError) as error:
        log.exception("retention_failed", key=kind.key)
        run.error = f"{type(error).__name__}; the log of the worker says more"
    run.finished_at = clock.now()
    run.save(update_fields=["touched", "finished_at", "error"])
    if run.touched:
        audit.record(actor=None, action="retention.ran", detail={"class": kind.key, "touched": run.touched})
    return run


def _known(key: str) -> DataClass:
    if key not in _classes:
        raise RetentionError("There is no such class of data.")
    return _classes[key]


def _before(months: int) -> dt.datetime:
    now = clock.now()
    return dt.datetime.combine(calendar_months.later(now.date(), -months), now.timetz())


def _query(sql: str, **params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall())


def _find_inactive(before: dt.datetime) -> Found:
    count = _query(f"SELECT count(*) {_INACTIVE}", before=before)[0][0]
    sample = _query(f"SELECT s.email {_INACTIVE} ORDER BY s.id LIMIT {SAMPLE}", before=before)
    unknown = _query(_UNKNOWN, before=before)[0][0]
    note = f"{unknown:,} more are as old, but nothing of them is measured: they never count as inactive."
    return Found(count, tuple(row[0] for row in sample), note)


def _erase_inactive(before: dt.datetime) -> int:
    ids = [row[0] for row in _query(f"SELECT s.id {_INACTIVE} ORDER BY s.id LIMIT {AT_ONCE}", before=before)]
    return sum(_erase_one(number, before) for number in ids)


def _erase_one(number: int, before: dt.datetime) -> int:
    """Erase one person, unless they did something since they were found."""
    with transaction.atomic():
        still = _query(f"SELECT s.id {_INACTIVE} AND s.id = %(id)s FOR UPDATE OF s", before=before, id=number)
        if not still:
            return 0
        erasure.erase(subscriber_id=number, actor=None, source=SOURCE, automatic=True)
    return 1


def _find_engagement(before: dt.datetime) -> Found:
    return Found(_query(f"SELECT count(*) {_ENGAGED}", before=before)[0][0])


def _forget_engagement(before: dt.datetime) -> int:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_FORGET_ENGAGEMENT, {"before": before, "limit": AT_ONCE})
        return int(cursor.rowcount)


def _decided(before: dt.datetime) -> Any:
    return RightsCase.objects.filter(closed_at__lt=before).exclude(state=RightsState.OPEN).order_by("pk")


def _find_cases(before: dt.datetime) -> Found:
    sample = tuple(str(case) for case in _decided(before)[:SAMPLE])
    return Found(_decided(before).count(), sample)


def _forget_cases(before: dt.datetime) -> int:
    ids = list(_decided(before).values_list("pk", flat=True)[:AT_ONCE])
    with transaction.atomic():
        RightsCase.objects.filter(pk__in=ids).delete()
    return len(ids)


for _kind in (
    DataClass(
        "inactive", "Inactive people",
        "People who did not open, click, or say anything for so long are erased like at their own request.",
        None, _find_inactive, _erase_inactive, shortest=6,
    ),
    DataClass(
        "engagement", "When people last opened and clicked",
        "Dates and counts of opens and clicks are emptied; the person stays.",
        36, _find_engagement, _forget_engagement,
    ),
    DataClass(
        "cases", "Privacy requests", "Decided cases and their log, counted from the decision.",
        36, _find_cases, _forget_cases, shortest=12,
    ),
    DataClass(
        "audit", "Audit log", "What users and the system did.",
        36, lambda before: Found(audit.count_before(before)),
        lambda before: audit.forget_before(before, limit=AT_ONCE), shortest=12,
    ),
):  # fmt: skip
    register(_kind)
