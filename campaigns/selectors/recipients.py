"""The people of a run, one page at a time: each with a state, and a reason where there is one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from ..models import DeliveryState, Run
from . import reasons

PAGE: Final = 50

_SELECT: Final = """
    SELECT d.subscriber_id, s.public_id, coalesce(s.email, ''), coalesce(s.name, ''), d.state, d.reason,
        d.message_id, d.at, d.attempt, d.opens_tracked, d.clicks_tracked, m.old_id IS NOT NULL
    FROM campaigns_delivery d LEFT JOIN subscribers_personmerge m ON m.old_id = d.subscriber_id
    LEFT JOIN subscribers_subscriber s ON s.id = coalesce(m.survivor_id, d.subscriber_id)
    WHERE d.run_id = %(run)s
      AND (%(state)s = '' OR d.state = %(state)s)
      AND (%(reason)s = '' OR d.reason = %(reason)s)
      AND (%(search)s = '' OR s.email LIKE %(prefix)s OR d.message_id = %(exact)s)
"""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One person of a run. Without address and public id the person has been erased since.

    Who was merged with another since is shown as that one; the mail went to the old address.
    """

    subscriber_id: int
    public_id: UUID | None
    email: str
    name: str
    state: str
    reason: str
    message_id: str
    at: Any
    attempt: int
    opens_tracked: bool
    clicks_tracked: bool
    is_merged: bool = False

    @property
    def state_label(self) -> str:
        """The state in words."""
        return str(DeliveryState(self.state).label)

    @property
    def reason_label(self) -> str:
        """The reason in words."""
        return reason_label(self.reason)


@dataclass(frozen=True, slots=True)
class RecipientPage:
    """One page; the cursors are empty where there is nothing more."""

    rows: list[Recipient]
    next_after: int
    previous_before: int


def reason_label(reason: str) -> str:
    """A reason code in plain words."""
    return reasons.label(reason)


def page(
    run: Run, *, state: str = "", reason: str = "", search: str = "", after: int = 0, before: int = 0
) -> RecipientPage:
    """A page in order of the person's id, by keyset: the last page is as fast as the first."""
    arguments = _arguments(run, state, reason, search)
    backwards = before > 0
    key = (
        "d.subscriber_id < %(key)s ORDER BY d.subscriber_id DESC"
        if backwards
        else ("d.subscriber_id > %(key)s ORDER BY d.subscriber_id")
    )
    arguments |= {"key": before if backwards else after, "limit": PAGE + 1}
    with connection.cursor() as cursor:
        cursor.execute(f"{_SELECT} AND {key} LIMIT %(limit)s", arguments)
        rows = [Recipient(*row) for row in cursor.fetchall()]
    more = len(rows) > PAGE
    rows = rows[:PAGE]
    if backwards:
        rows.reverse()
    has_next = more or backwards
    has_previous = (more if backwards else after > 0) and bool(rows)
    return RecipientPage(
        rows=rows,
        next_after=rows[-1].subscriber_id if rows and has_next else 0,
        previous_before=rows[0].subscriber_id if has_previous else 0,
    )


def stream(run: Run, *, state: str = "", reason: str = "", search: str = "") -> Iterator[Recipient]:
    """Everybody of the run, by a server-side cursor: memory stays flat."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(f"{_SELECT} ORDER BY d.subscriber_id", _arguments(run, state, reason, search))
        while rows := cursor.fetchmany(2000):
            yield from (Recipient(*row) for row in rows)


def _arguments(run: Run, state: str, reason: str, search: str) -> dict[str, Any]:
    exact = search.strip()
    search = exact.lower()
    escaped = search.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return {
        "run": run.pk,
        "state": state if state in DeliveryState.values else "",
        "reason": reason,
        "search": search,
        "prefix": f"{escaped}%",
        "exact": exact,
    }
