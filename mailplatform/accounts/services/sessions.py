"""Where users are signed in: noted, seen by themselves, ended."""

import datetime as dt
from typing import Final

from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest

from mailplatform.core import clock

from .. import devices
from ..models import User, UserSession
from . import audit

# A page that is asked for more often than this writes nothing.
SEEN_EVERY: Final = dt.timedelta(minutes=5)
_NOTED: Final = "noted_at"
_AT_A_TIME: Final = 5_000


def note(request: HttpRequest, user: User) -> None:
    """Write down that this session is in use; at most every SEEN_EVERY, and when it got a new key."""
    now = clock.now()
    key, noted_at = request.session.get(_NOTED, ("", 0.0))
    if key == request.session.session_key and now.timestamp() - noted_at < SEEN_EVERY.total_seconds():
        return
    if request.session.session_key is None:
        request.session.save()
    key = request.session.session_key
    if not Session.objects.filter(pk=key).exists():
        return  # it was ended a moment ago, by another window
    UserSession.objects.update_or_create(
        session_id=key,
        defaults={"user": user, "last_seen_at": now},
        create_defaults={"user": user, "device": devices.describe(request.headers.get("User-Agent", ""))},
    )
    request.session[_NOTED] = (key, now.timestamp())


@transaction.atomic
def end(*, user: User, number: int) -> bool:
    """End one of one's own sessions by the number of its row; False where there is none."""
    row = UserSession.objects.filter(pk=number, user=user).first()
    if row is None:
        return False
    Session.objects.filter(pk=row.session_id).delete()
    audit.record(actor=user, action="session.ended", obj=user, detail={"device": row.device})
    return True


@transaction.atomic
def end_others(*, user: User, keep: str | None) -> int:
    """End all of one's sessions but the one with the key `keep`; return how many."""
    count = end_all(user, keep=keep)
    if count:
        audit.record(actor=user, action="session.others_ended", obj=user, detail={"sessions": count})
    return count


def end_all(user: User, *, keep: str | None = None) -> int:
    """End the sessions of a user, in the transaction of the act that asks for it; return how many."""
    rows = UserSession.objects.filter(user=user).exclude(session_id=keep or "")
    keys = list(rows.values_list("session_id", flat=True))
    Session.objects.filter(pk__in=keys).delete()
    return len(keys)


def forget_expired() -> int:
    """Delete sessions that are over, with what was noted about them; return how many of both rows."""
    old = Session.objects.filter(expire_date__lt=clock.now()).values_list("pk", flat=True)[:_AT_A_TIME]
    return Session.objects.filter(pk__in=list(old)).delete()[0]
