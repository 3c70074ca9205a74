"""The audit log: what users and the system did, for those who must answer for it."""

import datetime as dt
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


def count_before(before: dt.datetime) -> int:
    """Return how many entries are older."""
    return AuditEntry.objects.filter(at__lt=before).count()


def forget_before(before: dt.datetime, *, limit: int) -> int:
    """Delete at most `limit` entries that are older, the oldest first; return how many."""
    old = AuditEntry.objects.filter(at__lt=before).order_by("at", "pk").values_list("pk", flat=True)[:limit]
    return AuditEntry.objects.filter(pk__in=list(old)).delete()[0]
