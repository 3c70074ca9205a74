"""Who a campaign would reach: lists and segments in, a bounded query of distinct people out.

Membership of a list is any subscription that is not pending: those who left are part of the audience and are told
apart with the reason `left_list`, unless another chosen list brings them in. A segment does not: who left a list that
is written to gets no such mail by another door; so the sender decides, too. People on an excluded list
or in an excluded segment are not part of the audience at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from mailplatform.accounts.services import installation
from mailplatform.core import clock

from ..models import Segment
from ..segments.compiler import Condition, compile_rules, select_ids
from ..segments.rules import RuleError, parse_rules
from . import catalogue
from .eligibility import Kind, kept_back_among_sql, reason_of_many_sql

_NOBODY = "SELECT NULL::bigint AS subscriber_id, FALSE AS way WHERE FALSE"
_LIST_MEMBERS = """
SELECT subscriber_id, state = 'confirmed' AS way FROM subscribers_subscription
WHERE mailing_list_id = ANY(%s) AND state <> 'pending'
"""
_EXCLUDED_MEMBERS = """
SELECT subscriber_id FROM subscribers_subscription WHERE mailing_list_id = ANY(%s) AND state = 'confirmed'
"""


class SegmentBrokenError(ValueError):
    """A chosen segment names something that does not exist any more; the message says which and what."""


@dataclass(frozen=True, slots=True)
class ChosenSegment:
    """What a segment is called, and its rules as they are stored."""

    name: str
    rules: dict[str, Any]


@dataclass(frozen=True)
class AudienceSpec:
    """The choice of a campaign, as ids. Its segments are read once, when the first question is asked about it."""

    list_ids: tuple[int, ...] = ()
    segment_ids: tuple[int, ...] = ()
    excluded_list_ids: tuple[int, ...] = ()
    excluded_segment_ids: tuple[int, ...] = ()
    # The installation's zone and the segments, where whoever asks has read them.
    time_zone: str = field(default="", compare=False, repr=False)
    known_segments: Mapping[int, ChosenSegment] | None = field(default=None, compare=False, repr=False)

    @cached_property
    def segments(self) -> Mapping[int, ChosenSegment]:
        """Its segments that exist, chosen and excluded, by their ids."""
        if self.known_segments is not None:
            return self.known_segments
        wanted = [*self.segment_ids, *self.excluded_segment_ids]
        found = Segment.objects.filter(pk__in=wanted).values_list("pk", "name", "rules") if wanted else ()
        return {pk: ChosenSegment(name, rules) for pk, name, rules in found}

    @cached_property
    def conditions(self) -> dict[int, Condition]:
        """The conditions of its segments by their ids, as of now. Raises SegmentBrokenError."""
        wanted = [*self.segment_ids, *self.excluded_segment_ids]
        if missing := [str(number) for number in wanted if number not in self.segments]:
            raise SegmentBrokenError(f"Segment {', '.join(missing)} does not exist any more.")
        return _compiled(self.segments, self.time_zone) if wanted else {}


@dataclass(frozen=True)
class AudienceCount:
    """How many people a campaign would reach, and why the others would be left out, by reason code."""

    total: int = 0
    eligible: int = 0
    excluded: dict[str, int] = field(default_factory=dict)


def audience_sql(spec: AudienceSpec) -> tuple[str, list[Any]]:
    """Return SQL and parameters of the distinct ``subscriber_id`` of everyone the choice names.

    The ineligible are included; the sender gives them their reason. Raises SegmentBrokenError.
    """
    sql, params = _members(spec)
    return f"SELECT subscriber_id FROM ({sql}) audience", params  # noqa: S608 - made of our own fragments


def _members(spec: AudienceSpec) -> tuple[str, list[Any]]:
    """Return SQL of (subscriber_id, way): one row per person.

    `way` is false where they left a chosen list and are on none, NULL where only a segment names them.
    """
    parts, params = list[str](), list[Any]()
    if spec.list_ids:
        parts.append(_LIST_MEMBERS)
        params.append(list(spec.list_ids))
    for condition in (spec.conditions[number] for number in spec.segment_ids):
        parts.append(f"SELECT subscriber_id, NULL::boolean AS way FROM ({select_ids(condition)}) m")  # noqa: S608 - made of our own fragments; every value is a parameter
        params += condition.params
    where, excluded_params = _exclusion(spec)
    members = " UNION ALL ".join(parts or [_NOBODY])
    way, grouped = "bool_or(way) AS way", "GROUP BY subscriber_id"
    if len(parts) == 1 and len(spec.list_ids) < 2:
        # Nobody is on one list or in one segment twice: a million people need not be compared with each other.
        way, grouped = "way", ""
    sql = f"SELECT subscriber_id, {way} FROM ({members}) m {where} {grouped}"  # noqa: S608 - made of our own fragments; every value is a parameter
    return sql, params + excluded_params


def _exclusion(spec: AudienceSpec) -> tuple[str, list[Any]]:
    parts, params = list[str](), list[Any]()
    if spec.excluded_list_ids:
        parts.append(_EXCLUDED_MEMBERS)
        params.append(list(spec.excluded_list_ids))
    for condition in (spec.conditions[number] for number in spec.excluded_segment_ids):
        parts.append(select_ids(condition))
        params += condition.params
    if not parts:
        return "", []
    excluded = " UNION ALL ".join(parts)
    where = f"WHERE NOT EXISTS (SELECT FROM ({excluded}) x WHERE x.subscriber_id = m.subscriber_id)"
    return where, params


def _compiled(segments: Mapping[int, ChosenSegment], time_zone: str) -> dict[int, Condition]:
    zone = ZoneInfo(time_zone or installation.get().time_zone)
    known, now = catalogue.current(), clock.now().astimezone(zone)
    found: dict[int, Condition] = {}
    for number, segment in segments.items():
        try:
            found[number] = compile_rules(parse_rules(segment.rules, known), now=now)
        except RuleError as error:
            raise SegmentBrokenError(f"The segment “{segment.name}” cannot be used: {error}") from None
    return found


def count(spec: AudienceSpec, kind: Kind) -> AudienceCount:
    """Return how many people the choice names, how many of them may be mailed now, and why not the others.

    One query over all of them. Raises SegmentBrokenError.
    """
    decided, params = _decided(spec, kind)
    sql = f"""
        SELECT CASE WHEN reason <> '' THEN reason WHEN NOT way THEN 'left_list' ELSE '' END, count(*)
        FROM ({decided}) decided GROUP BY 1
    """  # noqa: S608 - made of our own fragments; every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        counts: dict[str, int] = dict(cursor.fetchall())
    eligible = counts.pop("", 0)
    return AudienceCount(eligible + sum(counts.values()), eligible, counts)


def count_by_zone(spec: AudienceSpec, kind: Kind) -> dict[str, int]:
    """Return how many who may be mailed now are in each time zone; '' where it is not known.

    One query over all of them. Raises SegmentBrokenError.
    """
    decided, params = _decided(spec, kind)
    sql = f"""
        SELECT coalesce(z.time_zone, ''), count(*) FROM ({decided}) decided
        LEFT JOIN subscribers_subscriber z ON z.id = decided.subscriber_id
        WHERE reason = '' AND way IS NOT FALSE GROUP BY 1
    """  # noqa: S608 - made of our own fragments; every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return dict(cursor.fetchall())


def _decided(spec: AudienceSpec, kind: Kind) -> tuple[str, list[Any]]:
    """Return SQL of (subscriber_id, reason, way): why each person may not be mailed now, or ''."""
    members, params = _members(spec)
    sql = f"""
        SELECT a.subscriber_id, {reason_of_many_sql(kind)} AS reason, a.way FROM ({members}) a
        LEFT JOIN subscribers_profile p ON p.subscriber_id = a.subscriber_id
        LEFT JOIN ({kept_back_among_sql(kind)}) k (id) ON k.id = a.subscriber_id
        LEFT JOIN subscribers_subscriber s ON s.id = k.id
    """  # noqa: S608 - made of our own fragments; every value is a parameter
    return sql, params
