"""What a message of a webhook says. Built at each try, so that it tells only what may still be told."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from django.db import connection

from events.models import Trigger, WebhookDelivery, WebhookType
from events.webhooks.types import TEST

from .words import bounce_words

_SQL: Final = """
    SELECT w.id, e.occurred_at, e.run_id, r.number, c.public_id, c.name, s.public_id, e.message_id, l.url,
           coalesce(e.detail->>'detail', ''), coalesce(e.detail->>'subtype', ''),
           coalesce(p.opens_allowed, false), coalesce(p.clicks_allowed, false), e.is_machine
    FROM events_webhookdelivery w
    JOIN events_event e ON e.occurred_at = w.event_at AND e.identity = w.event_identity
    LEFT JOIN campaigns_run r ON r.id = e.run_id LEFT JOIN campaigns_campaign c ON c.id = r.campaign_id
    LEFT JOIN subscribers_subscriber s ON s.id = e.subscriber_id
    LEFT JOIN subscribers_profile p ON p.subscriber_id = e.subscriber_id
    LEFT JOIN events_link l ON l.id = e.link_id
    WHERE w.id = ANY(%s)
"""


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a message, or why there is none any more."""

    content: bytes
    dropped_because: str = ""


def bodies(deliveries: Sequence[WebhookDelivery]) -> dict[int, Body]:
    """Return the body of each delivery by its id (one query, and one where schedules raised events)."""
    found = {
        row.pk: Body(
            _json(TEST, row.event_at.isoformat(), {"message": "If you can read this, the endpoint works."})
        )
        for row in deliveries
        if row.type == TEST
    }
    found |= _raised([row for row in deliveries if row.type == WebhookType.SCHEDULED])
    rest = {row.pk: row.type for row in deliveries if row.type not in {TEST, WebhookType.SCHEDULED}}
    with connection.cursor() as cursor:
        if rest:
            cursor.execute(_SQL, [list(rest)])
        for row in cursor.fetchall() if rest else []:
            found[row[0]] = _body(rest[row[0]], row)
    gone = Body(b"", "The event is no longer kept.")
    return {row.pk: found.get(row.pk, gone) for row in deliveries}


def _raised(deliveries: Sequence[WebhookDelivery]) -> dict[int, Body]:
    """Return what schedules' events say; nobody's data is in them."""
    if not deliveries:
        return {}
    numbers = {row.pk: int.from_bytes(row.event_identity, "big") for row in deliveries}
    triggers = Trigger.objects.in_bulk(set(numbers.values()))
    told = {pk: triggers[number] for pk, number in numbers.items() if number in triggers}
    return {
        pk: Body(
            _json(
                WebhookType.SCHEDULED,
                trigger.scheduled_at.isoformat(),
                {"event": trigger.event, "schedule": trigger.rule},
            )
        )
        for pk, trigger in told.items()
    }


def _body(kind: str, row: tuple[Any, ...]) -> Body:
    _, at, _, number, campaign, name, person, message_id, link, detail, subtype, opens, clicks, machine = row
    allowed = {WebhookType.OPENED.value: opens, WebhookType.CLICKED.value: clicks}.get(kind, True)
    if not allowed or (machine and kind in {WebhookType.OPENED.value, WebhookType.CLICKED.value}):
        return Body(
            b"", "The person withdrew the consent." if not allowed else "It turned out to be a machine's."
        )
    data: dict[str, Any] = {
        "campaign": {"id": str(campaign), "name": name} if campaign else None,
        "run": number,
        "subscriber": {"id": str(person)} if person else None,
        "message_id": message_id,
    }
    if detail or subtype:
        data["reason"] = {"type": subtype, "detail": detail, "text": bounce_words(detail or subtype)}
    if link:
        data["link"] = link
    return Body(_json(kind, at.isoformat(), data))


def _json(kind: str, timestamp: str, data: dict[str, Any]) -> bytes:
    return orjson.dumps({"type": kind, "timestamp": timestamp, "data": data})
