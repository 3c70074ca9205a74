"""Endpoints of outgoing webhooks: made, changed, tested, given a new secret, their messages sent again."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.db import transaction

from events.models import Trigger, WebhookDelivery, WebhookEndpoint, WebhookState, WebhookType
from events.webhooks import signing
from events.webhooks.types import TEST
from mailplatform.accounts import vault
from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.core import clock
from mailplatform.core.outbound import addresses

OLD_SECRET_FOR: Final = timedelta(hours=24)


class BadEndpoint(ValueError):
    """The endpoint cannot be saved as asked; the text says why."""


@transaction.atomic
def create(
    *, url: str, types: Sequence[str], description: str = "", actor: User | None = None
) -> WebhookEndpoint:
    """Make an endpoint with a secret of its own. Raises BadEndpoint."""
    endpoint = WebhookEndpoint.objects.create(
        url=check_url(url),
        types=_types(types),
        description=description.strip()[:200],
        secret=vault.seal(signing.make_secret()),
        active_since=clock.now(),
        created_by=actor,
    )
    audit.record(actor=actor, action="webhook.created", obj=endpoint, detail=_detail(endpoint))
    return endpoint


@transaction.atomic
def update(
    *,
    endpoint: WebhookEndpoint,
    url: str,
    types: Sequence[str],
    is_active: bool,
    description: str = "",
    actor: User | None = None,
) -> WebhookEndpoint:
    """Change an endpoint. Switched on again, it gets what waited, and what happens from now on. Raises BadEndpoint."""
    row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    row.url, row.types, row.description = check_url(url), _types(types), description.strip()[:200]
    if is_active and not row.is_active:
        row.active_since, row.failing_since, row.disabled_because, row.told_at = clock.now(), None, "", None
    row.is_active = is_active
    row.save()
    audit.record(actor=actor, action="webhook.changed", obj=row, detail=_detail(row))
    return row


@transaction.atomic
def remove(*, endpoint: WebhookEndpoint, actor: User | None = None) -> None:
    """Remove an endpoint with its log."""
    audit.record(actor=actor, action="webhook.removed", obj=endpoint, detail=_detail(endpoint))
    endpoint.delete()


@transaction.atomic
def rotate(*, endpoint: WebhookEndpoint, actor: User | None = None) -> WebhookEndpoint:
    """Give a new secret; for a day the old one signs as well, so that the receiver can be changed in peace."""
    row = WebhookEndpoint.objects.select_for_update().get(pk=endpoint.pk)
    row.previous_secret, row.previous_expires_at = row.secret, clock.now() + OLD_SECRET_FOR
    row.secret = vault.seal(signing.make_secret())
    row.save()
    audit.record(actor=actor, action="webhook.secret_rotated", obj=row)
    return row


def secret_of(endpoint: WebhookEndpoint) -> str:
    """Return the secret that the receiver needs. Raises vault.SecretUnreadable."""
    return vault.unseal(endpoint.secret)


def signers_of(endpoint: WebhookEndpoint) -> list[str]:
    """Return the secrets that sign now, the newest first. Raises vault.SecretUnreadable."""
    found = [vault.unseal(endpoint.secret)]
    expires = endpoint.previous_expires_at
    if endpoint.previous_secret is not None and expires is not None and clock.now() < expires:
        found.append(vault.unseal(endpoint.previous_secret))
    return found


@transaction.atomic
def send_test(*, endpoint: WebhookEndpoint, actor: User | None = None) -> WebhookDelivery:
    """Queue a message of the type `webhook.test`, whatever types the endpoint chose."""
    now = clock.now()
    audit.record(actor=actor, action="webhook.tested", obj=endpoint)
    return WebhookDelivery.objects.create(
        endpoint=endpoint,
        message_id=f"msg_test_{secrets.token_hex(12)}",
        type=TEST,
        event_at=now,
        event_identity=secrets.token_bytes(16),
        next_at=now,
        created_at=now,
    )


def tell_of_schedule(trigger: Trigger) -> int:
    """Queue the event that a schedule named for every endpoint that wants such; return for how many.

    Belongs into the transaction that notes the trigger: it is noted once, so it is told once.
    """
    now = clock.now()
    name = f"{trigger.rule} {trigger.scheduled_at.isoformat()}".encode()
    wanting = WebhookEndpoint.objects.filter(is_active=True, types__contains=[WebhookType.SCHEDULED])
    made = WebhookDelivery.objects.bulk_create(
        WebhookDelivery(
            endpoint=endpoint,
            message_id=f"msg_{hashlib.sha256(name).hexdigest()[:32]}",
            type=WebhookType.SCHEDULED,
            event_at=trigger.scheduled_at,
            event_identity=trigger.pk.to_bytes(16, "big"),
            next_at=now,
            created_at=now,
        )
        for endpoint in wanting
    )
    return len(made)


@transaction.atomic
def replay(*, endpoint: WebhookEndpoint, delivery_id: int = 0, actor: User | None = None) -> int:
    """Send one message again, or all that were given up; return how many wait now. The message keeps its id."""
    found = endpoint.deliveries.exclude(state=WebhookState.PENDING)
    found = found.filter(pk=delivery_id) if delivery_id else found.filter(state=WebhookState.FAILED)
    number = found.update(state=WebhookState.PENDING, attempts=0, next_at=clock.now(), error="")
    audit.record(actor=actor, action="webhook.replayed", obj=endpoint, detail={"messages": number})
    return number


def check_url(url: str) -> str:
    """Return the address, if a message may go there. Raises BadEndpoint."""
    local = installation.is_sandbox()
    try:
        target = addresses.parse(url.strip(), allow_loopback=local)
        addresses.resolve(target, allow_loopback=local)
    except addresses.NotAllowed as error:
        raise BadEndpoint(str(error)) from error
    return url.strip()


def _types(types: Sequence[str]) -> list[str]:
    chosen = sorted(set(types))
    if not chosen or not set(chosen) <= set(WebhookType.values):
        raise BadEndpoint("Choose at least one type of message.")
    return chosen


def _detail(endpoint: WebhookEndpoint) -> dict[str, object]:
    # The query of an address may hold a password.
    return {
        "url": endpoint.url.partition("?")[0],
        "types": endpoint.types,
        "active": endpoint.is_active,
    }
