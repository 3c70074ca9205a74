"""Reading segments: the saved ones, and how many people a rule tree chooses right now."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import OperationalError, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import QuerySet

from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock

from ..models import Segment
from ..segments.catalogue import Catalogue
from ..segments.compiler import Condition, compile_contrary, compile_rules, select_ids, source
from ..segments.rules import RuleError, parse_rules
from . import catalogue
from .eligibility import kept_back_among_sql, profile_allows_sql, reason_sql

# While somebody builds, the page answers quickly; what is not counted then is counted after it was shown.
QUICK_MS = 800
COUNT_TIMEOUT_MS = 15_000
SAMPLE = 5
# Postgres's own cost of looking something up by key is that of a turning disk: it would read millions of people from
# end to end, only to find some thousands.
_SETTINGS = "SELECT set_config('statement_timeout', %s, true), set_config('random_page_cost', '1.1', true)"


@dataclass(frozen=True)
class SamplePerson:
    """One of the people of a segment, to look at."""

    public_id: str
    email: str
    name: str


@dataclass(frozen=True)
class SegmentCount:
    """People chosen by a rule tree; each number is None where counting it took too long and was given up.

    `sample` are some of them, the newest first, where they were asked for.
    """

    total: int | None = None
    mailable: int | None = None
    unknown: int | None = None
    sample: tuple[SamplePerson, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Return whether every number is there."""
        return None not in {self.total, self.mailable, self.unknown}


def live() -> QuerySet[Segment]:
    """Return the segments that can be chosen."""
    return Segment.objects.filter(archived_at=None)


def access_segment(public_id: UUID) -> Segment:
    """Return a segment; Segment.DoesNotExist when there is none or it is archived."""
    return live().get(public_id=public_id)


def trouble(segment_id: int) -> str:
    """Return why a segment cannot be used, or nothing."""
    found = live().filter(pk=segment_id).first()
    if found is None:
        return "It does not exist, or it is out of use."
    try:
        compile_tree(found.rules)
    except RuleError as error:
        return str(error)
    return ""


def compile_tree(rules: dict[str, Any]) -> Condition:
    """Return the compiled condition of a rule tree as of now. Raises RuleError."""
    return compile_rules(parse_rules(rules, catalogue.current()), now=_now())


def compile_several(trees: Sequence[dict[str, Any]]) -> list[Condition | None]:
    """Return the conditions of several rule trees, reading the catalogue once; None for one that cannot be used."""
    if not trees:
        return []
    known, now = catalogue.current(), _now()
    found: list[Condition | None] = []
    for rules in trees:
        try:
            found.append(compile_rules(parse_rules(rules, known), now=now))
        except RuleError:
            found.append(None)
    return found


def _now(site: Installation | None = None) -> datetime:
    return clock.now().astimezone(ZoneInfo((site or installation.get()).time_zone))


def count(
    rules: dict[str, Any],
    *,
    timeout_ms: int = COUNT_TIMEOUT_MS,
    sample: int = 0,
    known: Catalogue | None = None,
    site: Installation | None = None,
) -> SegmentCount:
    """Count the people a rule tree chooses, in ``timeout_ms``; what is not done then is cancelled.

    And those of them who may get marketing mail; and, apart, those whose engagement is unknown, so that nobody can say
    whether the rules hold. All in one look at the profiles; only whom something else keeps back is looked up, and
    taken off; and `sample` of them to look at. These two have the time that is left, each. `known` and `site` are
    what the caller has read already. Raises RuleError.
    """
    tree, now = parse_rules(rules, known or catalogue.current()), _now(site)
    condition, contrary = compile_rules(tree, now=now), compile_contrary(tree, now=now)
    ends = time.monotonic() + timeout_ms / 1000
    total: int | None = None
    mailable: int | None = None
    unknown: int | None = None
    people: tuple[SamplePerson, ...] = ()
    with _in_time(timeout_ms) as cursor:
        cursor.execute(*_scan(condition, contrary, now))
        total, allowed, unknown = cursor.fetchone()
        if allowed or (sample and total):
            cursor.execute(_SETTINGS, [str(_left(ends))])
        if sample and total:
            people = tuple(_some(cursor, condition, sample))
        mailable = allowed - _kept_back(cursor, condition, now) if allowed else 0
    return SegmentCount(total, mailable, unknown, people)


def _scan(condition: Condition, contrary: Condition | None, now: datetime) -> tuple[str, list[Any]]:
    """Return the query of three numbers: chosen, those of them whose profile allows marketing mail, and unknown.

    Of the unknown neither the condition holds nor its contrary, which is asked of those alone who are not chosen.
    """
    allowed = profile_allows_sql("marketing", now=now)
    if contrary is None:
        sql = f"""
            SELECT count(*), count(*) FILTER (WHERE {allowed}), 0
            FROM {source(condition)} WHERE {condition.sql}
        """  # noqa: S608 - the condition's values are parameters
        return sql, list(condition.params)
    sql = f"""
        SELECT count(*) FILTER (WHERE {condition.sql}), count(*) FILTER (WHERE {allowed} AND {condition.sql}),
            count(*) FILTER (WHERE NOT {condition.sql})
        FROM {source(condition)} WHERE {condition.sql} OR NOT {contrary.sql}
    """  # noqa: S608 - the conditions' values are parameters
    return sql, [*condition.params * 4, *contrary.params]


def _kept_back(cursor: CursorWrapper, condition: Condition, now: datetime) -> int:
    """Return how many a rule tree chooses whose profile allows mail, and something else does not."""
    sql = f"""
        SELECT count(*) FROM subscribers_profile p JOIN subscribers_subscriber s ON s.id = p.subscriber_id
        WHERE p.subscriber_id IN ({kept_back_among_sql("marketing")}) AND {profile_allows_sql("marketing", now=now)}
        AND {condition.sql} AND {reason_sql("marketing", now=now)} <> ''
    """  # noqa: S608 - the condition's values are parameters
    cursor.execute(sql, condition.params)
    number: int = cursor.fetchone()[0]
    return number


def _left(ends: float) -> int:
    """Return the milliseconds until then, at least a few."""
    return max(50, int((ends - time.monotonic()) * 1000))


def total(rules: dict[str, Any], *, timeout_ms: int = COUNT_TIMEOUT_MS) -> int | None:
    """Return how many people a rule tree chooses; None when that takes too long. Raises RuleError."""
    condition = compile_tree(rules)
    number: int | None = None
    with _in_time(timeout_ms) as cursor:
        sql = f"SELECT count(*) FROM {source(condition)} WHERE {condition.sql}"  # noqa: S608 - values are parameters
        cursor.execute(sql, condition.params)
        (number,) = cursor.fetchone()
    return number


@contextmanager
def _in_time(timeout_ms: int) -> Iterator[CursorWrapper]:
    """Let each query inside take so long; the first one that does not answer in time ends the block, silently."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_SETTINGS, [str(timeout_ms)])
            yield cursor
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT; SET LOCAL random_page_cost TO DEFAULT")
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # query_canceled
            raise


def sample(
    rules: dict[str, Any], *, limit: int = SAMPLE, timeout_ms: int = COUNT_TIMEOUT_MS
) -> list[SamplePerson]:
    """Return some of the people a rule tree chooses, the newest first; none when that takes too long.

    Raises RuleError.
    """
    condition, people = compile_tree(rules), list[SamplePerson]()
    with _in_time(timeout_ms) as cursor:
        people += _some(cursor, condition, limit)
    return people


def _some(cursor: CursorWrapper, condition: Condition, limit: int) -> list[SamplePerson]:
    sql = f"""
        SELECT s.public_id::text, s.email, s.name FROM ({select_ids(condition)}
            ORDER BY p.subscriber_id DESC LIMIT %s) chosen
        JOIN subscribers_subscriber s ON s.id = chosen.subscriber_id ORDER BY s.id DESC
    """  # noqa: S608 - the condition's values are parameters
    cursor.execute(sql, [*condition.params, limit])
    return [SamplePerson(*row) for row in cursor.fetchall()]


def ids_sql(rules: dict[str, Any]) -> tuple[str, list[Any]]:
    """Return SQL and parameters of the subscriber ids of a rule tree. Raises RuleError."""
    condition = compile_tree(rules)
    return select_ids(condition), list(condition.params)
