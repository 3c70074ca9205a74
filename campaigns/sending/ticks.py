"""The scheduler's memory of when it last looked: in Postgres, and once more in Redis.

The first tells how long the system was down. Where Redis remembers a later look than Postgres does, the database
is older than the world: it was restored from a backup, and what was due in between may have been sent already.
"""

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import redis
import structlog
from django.conf import settings

from mailplatform.accounts.services import installation

from ..models import ScheduleTick

log = structlog.get_logger(__name__)

# A look is missed by more than this, and the scheduler was down.
DOWN_AFTER: Final = dt.timedelta(minutes=2)
# Postgres and Redis are written one after the other; so far apart, one of them is from another time.
RESTORED_AFTER: Final = dt.timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Gap:
    """What happened before this look. `since` is the last look if it was long ago, `until` how far the world was."""

    since: dt.datetime | None = None
    until: dt.datetime | None = None

    def may_be_sent(self, due_at: dt.datetime) -> bool:
        """Whether the database forgot whether something that was due at this time was sent."""
        return self.until is not None and due_at <= self.until


def look(now: dt.datetime) -> Gap:
    """What lies between the last look and this one."""
    row = ScheduleTick.objects.filter(pk=1).first()
    if row is None:
        return Gap()
    elsewhere = _remembered()
    restored = elsewhere is not None and elsewhere - row.at > RESTORED_AFTER
    return Gap(
        since=row.at if now - row.at > DOWN_AFTER else None,
        until=elsewhere if restored else None,
    )


def note(now: dt.datetime) -> None:
    """Remember this look; Postgres first, so that Redis is never ahead of it by itself."""
    ScheduleTick.objects.update_or_create(pk=1, defaults={"at": now})
    try:
        _client().set(_key(), f"{now.timestamp():.3f}")
    except redis.RedisError as error:
        log.warning("schedule.tick_not_noted", error=str(error))


def _remembered() -> dt.datetime | None:
    try:
        found = _client().get(_key())
        return dt.datetime.fromtimestamp(float(found), dt.UTC) if found else None
    except (redis.RedisError, ValueError):
        return None


def _key() -> str:
    return f"mailplatform:{installation.get().public_id.hex}:schedule-tick"


@cache
def _client() -> Any:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=2, socket_connect_timeout=2)
