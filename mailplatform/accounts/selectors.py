"""Reading users and the audit log."""

from dataclasses import dataclass

from django.db.models import QuerySet

from .models import AuditEntry, User

PAGE = 50


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of the audit log, newest first; the cursors are ids, None where there is no such page."""

    entries: list[AuditEntry]
    older: int | None
    newer: int | None


def users() -> QuerySet[User]:
    """Return everybody who works here, those who may sign in first."""
    return User.objects.order_by("-is_active", "email")


def audit_page(*, before: int | None = None, after: int | None = None, action: str = "") -> AuditPage:
    """Return up to PAGE entries older than `before` or newer than `after`, by id."""
    rows = AuditEntry.objects.select_related("actor")
    if action:
        rows = rows.filter(action=action)
    if after is not None:
        found = list(rows.filter(id__gt=after).order_by("id")[: PAGE + 1])
        more, found = len(found) > PAGE, found[:PAGE][::-1]
        return AuditPage(found, found[-1].pk if found else None, found[0].pk if more else None)
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows.order_by("-id")[: PAGE + 1])
    more, found = len(found) > PAGE, found[:PAGE]
    newer = found[0].pk if before is not None and found else None
    return AuditPage(found, found[-1].pk if more else None, newer)


def audit_actions() -> list[str]:
    """Return every kind of action that the log holds."""
    return sorted(AuditEntry.objects.order_by().values_list("action", flat=True).distinct())
