"""Adds up what the demo did and holds it against the sandbox's own mailbox and the consent ledger.

Deliberately independent of the product's own sums: it reads the raw rows, and what SES's stand-in received.
"""

from collections import Counter
from dataclasses import dataclass

from django.db import connection

# Everyone of a run with the last word of the ledger, before the mail left, on each purpose. `basis` is true
# when the person granted marketing mail, or another basis was recorded, and nothing took it back.
CONSENT_AT_SENDING = """
    WITH words AS (
        SELECT DISTINCT ON (d.subscriber_id, r.purpose) d.subscriber_id, r.purpose, r.act
        FROM campaigns_delivery d
        JOIN subscribers_subscriber s ON s.id = d.subscriber_id
        JOIN subscribers_consentrecord r ON r.subject = s.public_id AND r.recorded_at <= d.at
        WHERE d.run_id = %(run)s AND r.act <> 'requested'
        ORDER BY d.subscriber_id, r.purpose, r.id DESC
    )
    SELECT s.email, d.subscriber_id, d.state,
           EXISTS (SELECT FROM words w WHERE w.subscriber_id = d.subscriber_id
                   AND w.purpose = 'marketing_email' AND w.act = 'granted') AS basis,
           EXISTS (SELECT FROM words w WHERE w.subscriber_id = d.subscriber_id
                   AND w.purpose = 'open_tracking' AND w.act = 'granted') AS opens,
           EXISTS (SELECT FROM words w WHERE w.subscriber_id = d.subscriber_id
                   AND w.purpose = 'click_tracking' AND w.act = 'granted') AS clicks
    FROM campaigns_delivery d JOIN subscribers_subscriber s ON s.id = d.subscriber_id
    WHERE d.run_id = %(run)s
"""

OUTCOMES = """
    SELECT count(*) FILTER (WHERE delivered_at IS NOT NULL AND bounced_at IS NULL) AS delivered,
           count(*) FILTER (WHERE bounced_at IS NOT NULL) AS bounced,
           count(*) FILTER (WHERE complained_at IS NOT NULL) AS complained,
           count(*) FILTER (WHERE opened_at IS NOT NULL) AS opened,
           count(*) FILTER (WHERE clicked_at IS NOT NULL) AS clicked,
           count(*) FILTER (WHERE unsubscribed_at IS NOT NULL) AS unsubscribed
    FROM events_outcome WHERE run_id = %(run)s
"""

# People of the second run who bounced, complained or left after the first one and yet were not skipped for it.
SECOND_RUN_WRONG = """
    SELECT count(*) FROM events_outcome o
    LEFT JOIN campaigns_delivery d ON d.run_id = %(second)s AND d.subscriber_id = o.subscriber_id
    WHERE o.run_id = %(first)s
      AND (o.bounced_at IS NOT NULL OR o.complained_at IS NOT NULL OR o.unsubscribed_at IS NOT NULL)
      AND NOT coalesce(d.state = 'skipped' AND d.reason = ANY (array_remove(ARRAY[
            CASE WHEN o.bounced_at IS NOT NULL THEN 'bounced' END,
            CASE WHEN o.complained_at IS NOT NULL THEN 'complained' END,
            CASE WHEN o.unsubscribed_at IS NOT NULL THEN 'unsubscribed' END,
            CASE WHEN o.unsubscribed_at IS NOT NULL THEN 'withdrawn' END], NULL)), false)
"""


@dataclass(frozen=True)
class Person:
    """One recipient: the state in our ledger of sends, and what the consent ledger allowed at that moment."""

    subscriber_id: int
    state: str
    basis: bool
    opens: bool
    clicks: bool


def people(run_id: int) -> dict[str, Person]:
    """Return everyone of the run by address."""
    with connection.cursor() as cursor:
        cursor.execute(CONSENT_AT_SENDING, {"run": run_id})
        return {row[0]: Person(*row[1:]) for row in cursor.fetchall()}


def states(run_id: int) -> dict[str, int]:
    """Return how many deliveries of the run are in each state."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, count(*) FROM campaigns_delivery WHERE run_id = %s GROUP BY 1", [run_id]
        )
        found = dict(cursor.fetchall())
    return {state: found.get(state, 0) for state in ("accepted", "failed", "skipped", "unresolved")}


def outcomes(run_id: int) -> dict[str, int]:
    """Return how many people of the run were delivered to, bounced, complained, opened, clicked and left."""
    with connection.cursor() as cursor:
        cursor.execute(OUTCOMES, {"run": run_id})
        names = [column.name for column in cursor.description or ()]
        return dict(zip(names, cursor.fetchone() or (), strict=True))


def send_calls(run_id: int) -> int:
    """Return how many calls of SendBulkEmail the run took."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM campaigns_call WHERE run_id = %s", [run_id])
        return int((cursor.fetchone() or (0,))[0])


def untracked_counted(run_id: int, everyone: dict[str, Person]) -> int:
    """Return how many opens and clicks are stored for people who had not agreed to that."""
    allowed = {
        "open": {person.subscriber_id for person in everyone.values() if person.opens},
        "click": {person.subscriber_id for person in everyone.values() if person.clicks},
    }
    with connection.cursor() as cursor:
        cursor.execute(
            """SELECT type, subscriber_id FROM events_event WHERE run_id = %(run)s AND type IN ('open', 'click')
               UNION ALL SELECT 'open', subscriber_id FROM events_outcome
                WHERE run_id = %(run)s AND (opened_at IS NOT NULL OR machine_opened_at IS NOT NULL)
               UNION ALL SELECT 'click', subscriber_id FROM events_outcome
                WHERE run_id = %(run)s AND (clicked_at IS NOT NULL OR machine_clicked_at IS NOT NULL)""",
            {"run": run_id},
        )
        return sum(subscriber_id not in allowed[kind] for kind, subscriber_id in cursor.fetchall())


def second_run_wrong(first: int, second: int) -> int:
    """Return how many people the second run should have skipped and did not, or not with the right reason."""
    with connection.cursor() as cursor:
        cursor.execute(SECOND_RUN_WRONG, {"first": first, "second": second})
        return int((cursor.fetchone() or (0,))[0])


def reckon(run_id: int, audience: int, mailbox: Counter[str]) -> dict[str, int]:
    """Return the sums of one run; `mailbox` says how many mails of the run each address received."""
    everyone = people(run_id)
    accepted = {email for email, person in everyone.items() if person.state == "accepted"}
    return {
        "audience": audience,
        **states(run_id),
        **outcomes(run_id),
        "duplicates": sum(count - 1 for count in mailbox.values()),
        "missing": len(accepted - set(mailbox)) + len(set(mailbox) - accepted),
        "send_calls": send_calls(run_id),
        "without_basis": sum(email not in everyone or not everyone[email].basis for email in mailbox),
        "untracked_counted": untracked_counted(run_id, everyone),
    }


def contradictions(sums: dict[str, int]) -> list[str]:
    """Return in words whatever must not be; an empty list when everything agrees."""
    ended = sums["accepted"] + sums["failed"] + sums["skipped"] + sums["unresolved"]
    came_back = sums["delivered"] + sums["bounced"]
    wrong = []
    if sums["audience"] != ended:
        wrong.append(f"{sums['audience']} people in the audience, {ended} with a state")
    if sums["accepted"] != came_back:
        wrong.append(f"{sums['accepted']} accepted, {came_back} delivered or bounced")
    zero = ("duplicates", "missing", "without_basis", "untracked_counted", "second_run_wrong")
    return wrong + [f"{name} is {sums[name]}" for name in zero if sums.get(name)]
