"""What profiles say of a person's reading, counted again from the events. Segments choose people by it."""

from dataclasses import dataclass
from typing import Any, Final

from django.db import connection, transaction

from subscribers.services import profiles

MOST: Final = 1_000

# Whoever was merged into somebody left them the time of the last mail, and nothing of what they read.
# Opens and clicks of machines are no person's. Where old months were dropped, profiles rightly know more than the
# rows that are left: then only what is too little is wrong.
_TOLD = """
    SELECT subscriber_id, count(*) FILTER (WHERE type = 'open' AND NOT is_machine)::int AS opens,
           count(*) FILTER (WHERE type = 'click' AND NOT is_machine)::int AS clicks,
           max(occurred_at) FILTER (WHERE type = 'open' AND NOT is_machine) AS last_opened_at,
           max(occurred_at) FILTER (WHERE type = 'click' AND NOT is_machine) AS last_clicked_at,
           max(occurred_at) FILTER (WHERE type = 'delivery') AS last_sent_at
    FROM events_event WHERE type IN ('open', 'click', 'delivery') AND run_id IS NOT NULL AND subscriber_id IS NOT NULL
    GROUP BY 1
"""
_COMPARE = f"""
    WITH told AS ({_TOLD})
    SELECT p.subscriber_id, p.opens, coalesce(t.opens, 0), p.clicks, coalesce(t.clicks, 0),
           p.last_opened_at, t.last_opened_at, p.last_clicked_at, t.last_clicked_at,
           p.last_sent_at, greatest(t.last_sent_at, m.sent)
    FROM subscribers_profile p LEFT JOIN told t ON t.subscriber_id = p.subscriber_id
    LEFT JOIN (SELECT x.survivor_id, max(o.last_sent_at) AS sent FROM subscribers_personmerge x
               JOIN told o ON o.subscriber_id = x.old_id GROUP BY 1) m ON m.survivor_id = p.subscriber_id
    WHERE (p.opens, p.clicks, p.last_opened_at, p.last_clicked_at, p.last_sent_at) IS DISTINCT FROM
          (coalesce(t.opens, 0), coalesce(t.clicks, 0), t.last_opened_at, t.last_clicked_at,
           greatest(t.last_sent_at, m.sent))
      AND (%(exact)s OR p.opens < t.opens OR p.clicks < t.clicks OR p.last_opened_at < t.last_opened_at
           OR p.last_clicked_at < t.last_clicked_at OR p.last_sent_at < t.last_sent_at
           OR (p.last_opened_at IS NULL AND t.last_opened_at IS NOT NULL)
           OR (p.last_clicked_at IS NULL AND t.last_clicked_at IS NOT NULL)
           OR (p.last_sent_at IS NULL AND t.last_sent_at IS NOT NULL))
    ORDER BY 1 LIMIT %(most)s
"""  # noqa: S608 - put together with _TOLD above; every value is a parameter
_FIRST_MONTH = """
    SELECT to_regclass('events_event_' || to_char(coalesce(min(created_at), now()) AT TIME ZONE 'UTC', 'YYYYMM'))
           IS NOT NULL FROM accounts_installation
"""
NAMES: Final = ("opens", "clicks", "last_opened_at", "last_clicked_at", "last_sent_at")


@dataclass(frozen=True, slots=True)
class Difference:
    """What one profile says and what the rows say, in words for an operator; no address."""

    subscriber_id: int
    name: str
    profile: Any
    rows: Any


def all_rows_are_kept() -> bool:
    """Tell whether the month in which this installation began still has its events."""
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_MONTH)
        return bool(cursor.fetchone()[0])


def compare(*, exact: bool = True) -> list[Difference]:
    """Return where profiles differ from the rows, for up to a thousand people.

    `exact=False` is for installations that dropped old months of events: a profile may then know more than the rows.
    """
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE, {"exact": exact, "most": MOST})
        found = cursor.fetchall()
    return [
        Difference(row[0], name, row[1 + 2 * n], row[2 + 2 * n])
        for row in found
        for n, name in enumerate(NAMES)
        if row[1 + 2 * n] != row[2 + 2 * n]
    ]


@transaction.atomic
def repair(*, exact: bool = True) -> int:
    """Write the differing profiles anew from the rows; return how many people."""
    people: dict[int, dict[str, Any]] = {}
    for item in compare(exact=exact):
        people.setdefault(item.subscriber_id, {})[item.name] = item.rows
    with connection.cursor() as cursor:
        for subscriber_id in sorted(people):
            profiles.lock_engagement(cursor, subscriber_id)
        for subscriber_id in sorted(people):
            profiles.set_engagement(subscriber_id=subscriber_id, values=people[subscriber_id])
    return len(people)
