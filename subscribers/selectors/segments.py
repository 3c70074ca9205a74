"""Reading segments: the saved ones, and how many people a rule tree chooses right now."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from mailplatform.accounts.services import installation
from mailplatform.core import clock

from ..models import Segment
from ..segments.compiler import Condition, compile_rules, select_ids
from ..segments.rules import parse_rules
from . import catalogue
from .eligibility import reason_sql

COUNT_TIMEOUT_MS = 4_000
SAMPLE = 5


@dataclass(frozen=True)
class SegmentCount:
    """People chosen by a rule tree; ``total`` is None where counting took too long and was given up."""

    total: int | None
    mailable: int | None = None
    without_tracking: int | None = None


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


def compile_tree(rules: dict[str, Any]) -> Condition:
    """Return the compiled condition of a rule tree as of now. Raises RuleError."""
    zone = ZoneInfo(installation.get().time_zone)
    return compile_rules(parse_rules(rules, catalogue.current()), now=clock.now().astimezone(zone))


def count(rules: dict[str, Any], *, timeout_ms: int = COUNT_TIMEOUT_MS) -> SegmentCount:
    """Count the people a rule tree chooses; gives up after ``timeout_ms``.

    Also counts those who may get marketing mail, and those without consent to open tracking. Raises RuleError.
    """
    condition = compile_tree(rules)
    sql = f"""
        SELECT count(*), count(*) FILTER (WHERE {reason_sql("marketing")} = ''),
            count(*) FILTER (WHERE NOT p.opens_allowed)
        FROM subscribers_profile p JOIN subscribers_subscriber s ON s.id = p.subscriber_id
        WHERE {condition.sql}
    """  # noqa: S608 - the condition's values are parameters
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(timeout_ms)])
            cursor.execute(sql, condition.params)
            found = SegmentCount(*cursor.fetchone())
            cursor.execute("SELECT set_config('statement_timeout', '0', true)")
            return found
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", "") != "57014":  # query_canceled
            raise
        return SegmentCount(None)


def sample(rules: dict[str, Any], *, limit: int = SAMPLE) -> list[SamplePerson]:
    """Return some of the people a rule tree chooses, the newest first. Raises RuleError."""
    condition = compile_tree(rules)
    sql = f"""
        SELECT s.public_id::text, s.email, s.name
        FROM subscribers_subscriber s JOIN subscribers_profile p ON p.subscriber_id = s.id
        WHERE {condition.sql} ORDER BY s.created_at DESC, s.id DESC LIMIT %s
    """  # noqa: S608 - the condition's values are parameters
    with connection.cursor() as cursor:
        cursor.execute(sql, [*condition.params, limit])
        return [SamplePerson(*row) for row in cursor.fetchall()]


def ids_sql(rules: dict[str, Any]) -> tuple[str, list[Any]]:
    """Return SQL and parameters of the subscriber ids of a rule tree. Raises RuleError."""
    condition = compile_tree(rules)
    return select_ids(condition), list(condition.params)
