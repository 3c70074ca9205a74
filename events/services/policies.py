"""The installation's policy on bounces and complaints: read it, change it."""

from typing import Any

from django.db import transaction

from events import safety
from events.models import Policy
from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit

CHANGEABLE = (
    "bounce_rate",
    "bounces",
    "complaint_rate",
    "complaints",
    "accepted",
    "rendering_rate",
    "rendering_failures",
    "soft_bounces_count",
    "soft_bounces",
    "soft_bounce_days",
    "sunset_is_on",
    "sunset_months",
    "sunset_mails",
    "sunset_stops",
    "sunset_answer_days",
)


class UnknownLimit(ValueError):
    """There is no such limit."""


def get() -> Policy:
    """Return the policy; its defaults until somebody changes it."""
    return Policy.objects.filter(id=1).first() or Policy(id=1)


@transaction.atomic
def update(*, actor: User | None, **changes: Any) -> Policy:
    """Change limits; old and new values go into the audit log. Raises UnknownLimit, ValidationError."""
    if unknown := changes.keys() - set(CHANGEABLE):
        raise UnknownLimit(", ".join(sorted(unknown)))
    Policy.objects.get_or_create(id=1)
    row = Policy.objects.select_for_update().get(id=1)
    noted = {
        name: [getattr(row, name), value] for name, value in changes.items() if getattr(row, name) != value
    }
    for name, value in changes.items():
        setattr(row, name, value)
    row.full_clean()
    row.save()
    if noted:
        audit.record(actor=actor, action="policy.changed", obj=row, detail=noted)
    return row


def limits_of(policy: Policy) -> safety.Limits:
    """Return the limits of the safety stop as the pure module takes them."""
    return safety.Limits(
        bounce_rate=policy.bounce_rate,
        bounces=policy.bounces,
        complaint_rate=policy.complaint_rate,
        complaints=policy.complaints,
        accepted=policy.accepted,
        rendering_rate=policy.rendering_rate,
        rendering_failures=policy.rendering_failures,
    )
