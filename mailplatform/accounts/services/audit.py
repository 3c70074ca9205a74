"""The audit log: what users and the system did, for those who must answer for it."""

from typing import Any

from django.db.models import Model

from ..models import AuditEntry, User


def record(
    *, actor: User | None, action: str, obj: Model | None = None, detail: dict[str, Any] | None = None
) -> AuditEntry:
    """Write one entry, in the transaction of the act itself.

    `action` reads *object.verb* (`settings.changed`, `user.invited`). `detail` is JSON and must hold neither
    secrets nor subscribers' addresses: the log outlives an erasure.
    """
    return AuditEntry.objects.create(
        actor=actor,
        actor_label=actor.email if actor else "system",
        action=action,
        object_type=obj._meta.label if obj else "",  # noqa: SLF001 (Django documents it)
        object_id=str(obj.pk) if obj else "",
        detail=detail or {},
    )
