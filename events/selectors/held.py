"""What campaigns and events hold about a person: part of the answer to "what do you know of me?"."""

from typing import Any, Final

from django.db import connection

from events.models import Sunset

# Run for run, by the primary key: there is no index of deliveries by person.
_MAILS: Final = """
    SELECT d.at, d.state, d.reason, c.name, coalesce(r.frozen->>'subject', '')
    FROM campaigns_run r CROSS JOIN LATERAL (
        SELECT * FROM campaigns_delivery x WHERE x.run_id = r.id AND x.subscriber_id = ANY(%s) OFFSET 0) d
    JOIN campaigns_campaign c ON c.id = r.campaign_id ORDER BY d.at
"""
_EVENTS: Final = """
    SELECT e.occurred_at, e.type, coalesce(c.name, ''), coalesce(l.url, ''), e.is_machine
    FROM events_event e LEFT JOIN campaigns_run r ON r.id = e.run_id
    LEFT JOIN campaigns_campaign c ON c.id = r.campaign_id LEFT JOIN events_link l ON l.id = e.link_id
    WHERE e.subscriber_id = ANY(%s) ORDER BY e.occurred_at
"""


def mails(numbers: list[int]) -> list[dict[str, Any]]:
    """Return every mail that was or was not sent to these numbers, oldest first."""
    return [
        {"at": at.isoformat(), "state": state, "reason": reason, "campaign": campaign, "subject": subject}
        for at, state, reason, campaign, subject in _rows(_MAILS, numbers)
    ]


def happened(numbers: list[int]) -> list[dict[str, Any]]:
    """Return what came back for these numbers: deliveries, bounces, opens and clicks, oldest first."""
    return [
        {"at": at.isoformat(), "kind": kind, "campaign": campaign, "link": link, "by_a_machine": is_machine}
        for at, kind, campaign, link, is_machine in _rows(_EVENTS, numbers)
    ]


def inactivity(numbers: list[int]) -> list[dict[str, Any]]:
    """Return whether these numbers count as people who stopped reading, by the sunset policy."""
    return [
        {
            "stage": row.get_stage_display(),
            "mails_without_reaction": row.mails,
            "since": row.judged_at.isoformat(),
            "asked_at": row.asked_at.isoformat() if row.asked_at else "",
            "no_marketing_mail_since": row.stopped_at.isoformat() if row.stopped_at else "",
        }
        for row in Sunset.objects.filter(pk__in=numbers).order_by("pk")
    ]


def _rows(sql: str, numbers: list[int]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [numbers])
        return list(cursor.fetchall())
