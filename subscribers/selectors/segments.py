"""Reading segments: the saved ones, and how many people a rule tree chooses right now."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from mailplatform.accounts.services import installation
from mailplatform.core import clock

from ..models import Segment
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
class SegmentCount:
    """People chosen by a rule tree; each number is None where counting it took too long and was given up."""

    total: int | None = None
    mailable: int | None = None
    unknown: int | None = None

    @property
    def is_whole(self) -> bool:
        """Return whether every number is there."""
        return None not in {self.total, self.mailable, self.unknown}


@dataclass(frozen=True)
class SamplePerson:
    """One of the people of a segment, to look at."""

    public_id: str
    email: str
    name: str


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


def _now() -> datetime:
    return clock.now().astimezone(ZoneInfo(installation.get().time_zone))


def count(rules: dict[str, Any], *, timeout_ms: int = COUNT_TIMEOUT_MS) -> SegmentCount:
    """Count the people a rule tree chooses, in ``timeout_ms`` altogether; what is not done then is cancelled.

    And those of them who may get marketing mail; and, apart, those whose engagement is unknown, so that nobody can say
    whether the rules hold. All in one look at the profiles; only whom something else keeps back is looked up, and
    taken off. Raises RuleError.
    """
    tree, now = parse_rules(rules, catalogue.current()), _now()
    condition, contrary = compile_rules(tree, now=now), compile_contrary(tree, now=now)
    ends = time.monotonic() + timeout_ms / 1000
    found = _in_time(*_scan(condition, contrary, now), timeout_ms)
    if not found:
        return SegmentCount()
    total, allowed, unknown = found[0]
    kept = _number(_kept_back_sql(condition, now), condition, _left(ends)) if allowed else 0
    return SegmentCount(total, None if kept is None else allowed - kept, unknown)


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


def _kept_back_sql(condition: Condition, now: datetime) -> str:
    """Return the query of how many a rule tree chooses whose profile allows mail, and something else does not."""
    return f"""
        SELECT count(*) FROM subscribers_profile p JOIN subscribers_subscriber s ON s.id = p.subscriber_id
        WHERE p.subscriber_id IN ({kept_back_among_sql("marketing")}) AND {profile_allows_sql("marketing", now=now)}
        AND {condition.sql} AND {reason_sql("marketing", now=now)} <> ''
    """  # noqa: S608 - the condition's values are parameters


def _left(ends: float) -> int:
    """Return the milliseconds until then, at least a few."""
    return max(50, int((ends - time.monotonic()) * 1000))


def total(rules: dict[str, Any], *, timeout_ms: int = COUNT_TIMEOUT_MS) -> int | None:
    """Return how many people a rule tree chooses; None when that takes too long. Raises RuleError."""
    condition = compile_tree(rules)
    return _number(_total_sql(condition), condition, timeout_ms)


def _number(sql: str, condition: Condition, timeout_ms: int) -> int | None:
    rows = _in_time(sql, condition.params, timeout_ms)
    return rows[0][0] if rows else None


def _total_sql(condition: Condition) -> str:
    return f"SELECT count(*) FROM {source(condition)} WHERE {condition.sql}"  # noqa: S608 - values are parameters


def _in_time(sql: str, params: Sequence[Any], timeout_ms: int) -> list[Any]:
    """Return the rows, or none where the database did not answer in time and the query was cancelled."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_SETTINGS, [str(timeout_ms)])
            cursor.execute(sql, params)
            rows: list[Any] = cursor.fetchall()
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT; SET LOCAL random_page_cost TO DEFAULT")
            return rows
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # query_canceled
            raise
        return []


def sample(
    rules: dict[str, Any], *, limit: int = SAMPLE, timeout_ms: int = COUNT_TIMEOUT_MS
) -> list[SamplePerson]:
    """Return some of the people a rule tree chooses, the newest first; none when that takes too long.

    Raises RuleError.
    """
    condition = compile_tree(rules)
    sql = f"""
        SELECT s.public_id::text, s.email, s.name FROM ({select_ids(condition)}
            ORDER BY p.subscriber_id DESC LIMIT %s) chosen
        JOIN subscribers_subscriber s ON s.id = chosen.subscriber_id ORDER BY s.id DESC
    """  # noqa: S608 - the condition's values are parameters
    return [SamplePerson(*row) for row in _in_time(sql, [*condition.params, limit], timeout_ms)]


def ids_sql(rules: dict[str, Any]) -> tuple[str, list[Any]]:
    """Return SQL and parameters of the subscriber ids of a rule tree. Raises RuleError."""
    condition = compile_tree(rules)
    return select_ids(condition), list(condition.params)
