"""From events to messages to answers: nothing of it is in the way of the ingest.

`collect` reads the events by cursor and writes one row per endpoint and message; the same event read twice is one
message, by its id. `send_due` takes rows whose time has come under a lease, posts them, and writes down what came of
it. A worker killed in between leaves a lease that ends, and the message goes out again with the same id: at least
once, and the receiver tells copies by `webhook-id`.
"""

import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from django.db import connection, transaction
from django.urls import reverse

from campaigns.services import notices
from events.models import WebhookDelivery, WebhookEndpoint, WebhookState
from events.selectors import webhooks as selector
from events.webhooks import schedule, signing
from events.webhooks.types import ENGAGEMENT, TYPES
from mailplatform.accounts import vault
from mailplatform.accounts.services import audit, installation
from mailplatform.core import clock
from mailplatform.core.outbound import transport

from . import classifying, following, webhooks

log = structlog.get_logger(__name__)
JOB, JOB_ENGAGEMENT = "webhooks", "webhooks_engagement"
LEASE: Final = timedelta(minutes=5)
POSTPONED: Final = timedelta(seconds=30)
PER_ENDPOINT: Final = 50
AT_ONCE: Final = 16
ROUND_S: Final = 30.0
LONG: Final = timedelta(hours=20)  # a little less than a message is tried
KEPT: Final = timedelta(days=30)
GONE: Final = 410

_COLLECT = """
    INSERT INTO events_webhookdelivery (endpoint_id, message_id, type, event_at, event_identity, state, attempts,
                                        next_at, created_at, error)
    SELECT w.id, 'msg_' || substr(encode(sha256(
               e.identity || int8send((extract(epoch FROM e.occurred_at) * 1000000)::bigint)), 'hex'), 1, 32),
           m.name, e.occurred_at, e.identity, 'pending', 0, %(now)s, %(now)s, ''
    FROM events_event e JOIN unnest(%(kinds)s::text[], %(names)s::text[]) AS m (kind, name) ON m.kind = e.type
    JOIN events_webhookendpoint w ON w.is_active AND m.name = ANY(w.types) AND e.received_at >= w.active_since
    WHERE e.received_at >= %(since)s AND e.received_at <= %(until)s AND NOT e.is_machine
    ON CONFLICT (endpoint_id, message_id) DO NOTHING
"""
_CLAIM = """
    WITH due AS (
        SELECT d.id FROM events_webhookendpoint w CROSS JOIN LATERAL (
            SELECT id FROM events_webhookdelivery x
            WHERE x.endpoint_id = w.id AND x.state = 'pending' AND x.next_at <= %(now)s
            ORDER BY x.next_at LIMIT %(most)s FOR UPDATE SKIP LOCKED) d
        WHERE w.is_active)
    UPDATE events_webhookdelivery d SET next_at = %(lease)s, attempts = d.attempts + 1, tried_at = %(now)s
    FROM due WHERE d.id = due.id RETURNING d.id
"""


def collect() -> int:
    """Write the messages of new events; return how many. Without an active endpoint only the cursors move.

    Opens and clicks wait until machines have been told from people.
    """
    if not WebhookEndpoint.objects.filter(is_active=True).exists():
        return 0
    plain = {kind: name for kind, name in TYPES.items() if name not in ENGAGEMENT}
    read = {kind: name for kind, name in TYPES.items() if name in ENGAGEMENT}
    with following.window(JOB) as window:
        found = _collect(window, plain)
    judged = following.read_until(classifying.JOB)
    if judged is not None:
        with following.window(JOB_ENGAGEMENT, until=judged) as window:
            found += _collect(window, read)
    return found


def _collect(window: following.Window, types: dict[Any, Any]) -> int:
    values: dict[str, Any] = {
        **window.parameters,
        "now": clock.now(),
        "kinds": [kind.value for kind in types],
        "names": [name.value for name in types.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(_COLLECT, values)
        return int(cursor.rowcount)


@dataclass(slots=True)
class _Parcel:
    """One message on its way."""

    delivery: WebhookDelivery
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    answer: transport.Answer | None = None
    dropped_because: str = ""


def send_due(*, seconds: float = ROUND_S) -> int:
    """Post what is due, for so many seconds at most; return how many tries were made."""
    started, tried = time.monotonic(), 0
    while parcels := _claim():
        tried += len(parcels)
        _post_all([parcel for parcel in parcels if not parcel.dropped_because])
        for parcel in parcels:
            _record(parcel)
        if time.monotonic() - started > seconds:
            break
    return tried


def _claim() -> list[_Parcel]:
    now = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"now": now, "lease": now + LEASE, "most": PER_ENDPOINT})
        ids = [row[0] for row in cursor.fetchall()]
    rows = list(WebhookDelivery.objects.filter(pk__in=ids).select_related("endpoint").order_by("pk"))
    bodies = selector.bodies(rows)
    signers: dict[int, list[str]] = {}
    parcels = []
    for row in rows:
        parcel = _Parcel(row, bodies[row.pk].content, dropped_because=bodies[row.pk].dropped_because)
        if row.endpoint_id not in signers:
            signers[row.endpoint_id] = _signers(row.endpoint)
        if not signers[row.endpoint_id]:
            parcel.answer = transport.Answer(0, 0, "The secret cannot be read: give the endpoint a new one.")
        elif not parcel.dropped_because:
            parcel.headers = {
                "Content-Type": "application/json",
                "User-Agent": "mailplatform-webhooks/1",
                **signing.headers(row.message_id, now, parcel.body, signers[row.endpoint_id]),
            }
        parcels.append(parcel)
    return parcels


def _signers(endpoint: WebhookEndpoint) -> list[str]:
    try:
        return webhooks.signers_of(endpoint)
    except vault.SecretUnreadable:
        return []


def _post_all(parcels: Sequence[_Parcel]) -> None:
    """Post side by side, without the database. After one failure of an endpoint the rest of its messages wait."""
    local = installation.is_sandbox() if parcels else False
    failing: set[int] = set()
    lock = threading.Lock()

    def post(parcel: _Parcel) -> None:
        endpoint = parcel.delivery.endpoint
        with lock:
            if endpoint.pk in failing or parcel.answer is not None:
                return
        parcel.answer = transport.post(endpoint.url, parcel.body, parcel.headers, allow_loopback=local)
        if not parcel.answer.is_success:
            with lock:
                failing.add(endpoint.pk)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhooks") as pool:
        list(pool.map(post, parcels))


def _record(parcel: _Parcel) -> None:
    row, answer, now = parcel.delivery, parcel.answer, clock.now()
    mine = WebhookDelivery.objects.filter(pk=row.pk, state=WebhookState.PENDING, attempts=row.attempts)
    if parcel.dropped_because:
        mine.update(state=WebhookState.DROPPED, error=parcel.dropped_because)
        return
    if answer is None:
        mine.update(attempts=row.attempts - 1, next_at=now + POSTPONED)
        return
    seen = {"status": answer.status or None, "milliseconds": answer.milliseconds, "error": answer.error[:300]}
    if answer.is_success:
        with transaction.atomic():
            mine.update(state=WebhookState.DELIVERED, **seen)
            WebhookEndpoint.objects.filter(pk=row.endpoint_id, failing_since__isnull=False).update(
                failing_since=None
            )
        return
    wait = schedule.next_wait(row.attempts, retry_after_s=answer.retry_after_s)
    state = WebhookState.PENDING if wait else WebhookState.FAILED
    with transaction.atomic():
        mine.update(state=state, next_at=now + (wait or timedelta(0)), **seen)
        _note_failure(row, now, gave_up=wait is None, is_gone=answer.status == GONE)


def _note_failure(row: WebhookDelivery, now: datetime, *, gave_up: bool, is_gone: bool) -> None:
    """An endpoint that got nothing through for as long as a message is tried is switched off, and said so."""
    endpoint = WebhookEndpoint.objects.select_for_update().get(pk=row.endpoint_id)
    endpoint.failing_since = endpoint.failing_since or now
    is_dead = gave_up and now - endpoint.failing_since >= LONG
    if endpoint.is_active and (is_gone or is_dead):
        endpoint.is_active = False
        endpoint.disabled_because = (
            "The server answered 410: it wants no messages any more."
            if is_gone
            else f"No message got through since {endpoint.failing_since:%Y-%m-%d %H:%M} UTC."
        )
        audit.record(
            actor=None, action="webhook.disabled", obj=endpoint, detail={"because": endpoint.disabled_because}
        )
    endpoint.save(update_fields=["failing_since", "is_active", "disabled_because", "updated_at"])


def tell_disabled() -> int:
    """Mail to whoever made an endpoint that it was switched off; return how many were told."""
    told = 0
    found = WebhookEndpoint.objects.filter(is_active=False, told_at=None).exclude(disabled_because="")
    for endpoint in found.select_related("created_by"):
        page = reverse("events:webhook_detail", args=[endpoint.public_id])
        text = (
            f"Messages to {endpoint.url.partition('?')[0]} are not sent any more.\n\n{endpoint.disabled_because}\n\n"
            "What could not be delivered waits. Switch the endpoint on again when the server works:\n"
            f"{installation.public_url()}{page}\n"
        )
        if notices.send(
            to=notices.people_to_tell(endpoint.created_by), subject="A webhook was switched off", text=text
        ):
            told += WebhookEndpoint.objects.filter(pk=endpoint.pk, told_at=None).update(told_at=clock.now())
    return told


def forget_old() -> int:
    """Delete what was settled more than thirty days ago; return how many."""
    old = WebhookDelivery.objects.filter(created_at__lt=clock.now() - KEPT)
    return old.exclude(state=WebhookState.PENDING, endpoint__is_active=True).delete()[0]
