"""Reading people: one, or a page of those that a search and filters find."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import connection

from ..models import Subscriber
from ..segments.rules import RuleError
from . import segments
from .eligibility import REASONS, reason_sql

PAGE = 50
COUNT_LIMIT = 10_000

# Among so many people reading all of them takes a moment; among more the beginnings are looked up by index.
CONTAINS_LIMIT = 200_000

_FROM = "subscribers_subscriber s LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id"
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SIZE = "SELECT reltuples FROM pg_class WHERE oid = 'subscribers_subscriber'::regclass"
_CONTAINS = "(s.email || ' ' || lower(s.name)) LIKE %s"
_PREFIX = "(s.email LIKE %s OR lower(s.name) LIKE %s)"


@dataclass(frozen=True)
class Filters:
    """What to look for; the same as the page's address, so that a shared link shows the same people."""

    q: str = ""
    list_id: int = 0
    tag_id: int = 0
    state: str = ""
    after: str = ""
    segment_id: int = 0

    @classmethod
    def from_query(cls, query: Mapping[str, str]) -> "Filters":
        """Return the filters of an address; what makes no sense is left out."""
        state = query.get("state", "")
        return cls(
            q=query.get("q", "").strip()[:254],
            list_id=_number(query.get("list", "")),
            tag_id=_number(query.get("tag", "")),
            state=state if state == "mailable" or state in REASONS else "",
            after=query.get("after", ""),
            segment_id=_number(query.get("segment", "")),
        )

    def address(self, **changes: Any) -> str:
        """Return the query string of these filters, with changes."""
        values = {
            "q": self.q,
            "state": self.state,
            "list": self.list_id or "",
            "tag": self.tag_id or "",
            "segment": self.segment_id or "",
        }
        values |= changes
        return urlencode({key: value for key, value in values.items() if value})

    @property
    def active(self) -> bool:
        """Return whether anything is filtered at all."""
        return bool(self.q or self.list_id or self.tag_id or self.state or self.segment_id)


@dataclass(frozen=True)
class Row:
    """One person of a page; ``reason`` is empty for someone who may get marketing mail."""

    id: int
    public_id: str
    email: str
    name: str
    created_at: datetime
    reason: str
    opens_allowed: bool
    list_ids: list[int] = field(default_factory=list)
    tag_ids: list[int] = field(default_factory=list)

    @property
    def words(self) -> str:
        """Return in words why the person gets no marketing mail."""
        return REASONS.get(self.reason, "")


@dataclass(frozen=True)
class Page:
    """Some people, newest first, and the key of the page after."""

    rows: list[Row]
    next_after: str


def access_subscriber(public_id: UUID) -> Subscriber:
    """Return a person; Subscriber.DoesNotExist when there is none (any more)."""
    return Subscriber.objects.prefetch_related("tags").get(public_id=public_id)


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else 0


def find(filters: Filters, *, size: int = PAGE) -> Page:
    """Return one page of people, newest first, by keyset: as fast on the last page as on the first."""
    where, params = _where(filters)
    cursor_where, cursor_params = _after(filters.after)
    sql = f"""
        SELECT s.id, s.public_id::text, s.email, s.name, s.created_at, {reason_sql("marketing")},
            COALESCE(p.opens_allowed, FALSE), COALESCE(p.list_ids, '{{}}'), COALESCE(p.tag_ids, '{{}}')
        FROM subscribers_subscriber s LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id
        WHERE {where} AND {cursor_where}
        ORDER BY s.id DESC LIMIT %s
    """  # noqa: S608 - made of our own fragments; every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, *cursor_params, size + 1])
        rows = [Row(*row) for row in cursor.fetchall()]
    more = len(rows) > size
    rows = rows[:size]
    return Page(rows, str(rows[-1].id) if more else "")


def count(filters: Filters, *, limit: int = COUNT_LIMIT) -> tuple[int, bool]:
    """Return how many people are found, and whether that is exact; counting stops at ``limit``.

    Without any filter the planner's estimate is used beyond the limit.
    """
    where, params = _where(filters)
    sql = f"""
        SELECT count(*) FROM (
            SELECT 1 FROM subscribers_subscriber s LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id
            WHERE {where} LIMIT %s) found
    """  # noqa: S608 - made of our own fragments; every value is a parameter
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, limit + 1])
        found = int(cursor.fetchone()[0])
        if found > limit and not filters.active:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = 'subscribers_subscriber'::regclass"
            )
            return max(int(cursor.fetchone()[0]), found), False
    return min(found, limit), found <= limit


def total(filters: Filters) -> int:
    """Return exactly how many people are found."""
    where, params = _where(filters)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {_FROM} WHERE {where}", params)  # noqa: S608 - values are parameters
        return int(cursor.fetchone()[0])


def ids(filters: Filters, *, below: int | None, limit: int) -> list[int]:
    """Return the ids of people found, descending, those below ``below``: for work in chunks."""
    where, params = _where(filters)
    if below is not None:
        where, params = f"{where} AND s.id < %s", [*params, below]
    sql = f"SELECT s.id FROM {_FROM} WHERE {where} ORDER BY s.id DESC LIMIT %s"  # noqa: S608 - values are parameters
    with connection.cursor() as cursor:
        cursor.execute(sql, [*params, limit])
        return [row[0] for row in cursor.fetchall()]


def numbers_of(public_ids: Iterable[str]) -> list[int]:
    """Return the ids of the people of these public ids; those who are gone are left out."""
    valid = [text for text in public_ids if _UUID.fullmatch(text)]
    return list(Subscriber.objects.filter(public_id__in=valid).values_list("pk", flat=True))


def _where(filters: Filters) -> tuple[str, list[Any]]:
    parts, params = ["TRUE"], list[Any]()
    if filters.q:
        part, values = _search(filters.q)
        parts.append(part)
        params += values
    for column, value in (("p.list_ids", filters.list_id), ("p.tag_ids", filters.tag_id)):
        if value:
            parts.append(f"%s = ANY({column})")
            params.append(value)
    if filters.segment_id:
        part, values = _segment(filters.segment_id)
        parts.append(part)
        params += values
    if filters.state:
        parts.append(f"({reason_sql('marketing')}) = %s")
        params.append("" if filters.state == "mailable" else filters.state)
    return " AND ".join(parts), params


def _segment(segment_id: int) -> tuple[str, list[Any]]:
    """Return the condition of a segment; nobody for one that is gone or names something that is."""
    found = segments.live().filter(pk=segment_id).first()
    try:
        condition = segments.compile_tree(found.rules) if found else None
    except RuleError:
        condition = None
    return (f"({condition.sql})", list(condition.params)) if condition else ("FALSE", [])


def _search(text: str) -> tuple[str, list[Any]]:
    term = text.lower().replace("\x00", "").replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    if _is_small():
        return _CONTAINS, [f"%{term}%"]
    return _PREFIX, [f"{term}%", f"{term}%"]


def _is_small() -> bool:
    """Whether there are few enough people to look for a text anywhere in their addresses and names."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZE)
        return bool(cursor.fetchone()[0] < CONTAINS_LIMIT)


def _after(key: str) -> tuple[str, list[Any]]:
    """Return the condition for what comes after a key; a broken key means the first page."""
    last = _number(key)
    return ("s.id < %s", [last]) if last else ("TRUE", [])
