"""Reading users, their second factors and sessions, and the audit log."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import orjson
from allauth.mfa.models import Authenticator
from django.db.models import Exists, OuterRef, QuerySet

from mailplatform.core import clock

from .models import AuditEntry, User, UserSession

PAGE = 50
# Recovery codes alone are no second factor: they belong to one of these.
SECOND_FACTORS: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


@dataclass(frozen=True, slots=True)
class AuditPage:
    """One page of the audit log, newest first; the cursors are ids, None where there is no such page."""

    entries: list[AuditEntry]
    older: int | None
    newer: int | None


def users() -> QuerySet[User]:
    """Return everybody who works here, those who may sign in first; `second_factor` says whether they have one."""
    factors = Authenticator.objects.filter(user=OuterRef("pk"), type__in=SECOND_FACTORS)
    return User.objects.annotate(second_factor=Exists(factors)).order_by("-is_active", "email")


def has_second_factor(user: User) -> bool:
    """Return whether the user signs in with a code or a passkey, too."""
    return bool(Authenticator.objects.filter(user=user, type__in=SECOND_FACTORS).exists())


def sessions_of(user: User) -> QuerySet[UserSession]:
    """Return where a user is signed in, the last used first."""
    return UserSession.objects.filter(user=user, session__expire_date__gt=clock.now())


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


def audit_rows(action: str = "") -> Iterator[list[str]]:
    """Yield the whole log as cells, a heading first, the oldest entry first; read in chunks."""
    yield ["at", "who", "action", "object", "number", "details"]
    rows = AuditEntry.objects.filter(action=action) if action else AuditEntry.objects.all()
    columns = ("at", "actor_label", "action", "object_type", "object_id", "detail")
    for at, *texts, detail in rows.order_by("id").values_list(*columns).iterator(chunk_size=2_000):
        yield [at.isoformat(), *texts, orjson.dumps(detail).decode()]
