"""A worker's slot on a run: taken, renewed and given up in Postgres, whose clock judges every lease."""

import contextlib
import os
import socket
import uuid
from collections.abc import Iterator
from typing import Any, Final

from django.db import InterfaceError, OperationalError, connection, transaction

from mailplatform.core import clock

from . import timing

# Two who take the last slot at once stand in line here.
_LINE: Final = "SELECT pg_advisory_xact_lock(hashtext('campaigns_drain'), %(line)s)"
_ALONE: Final = "SELECT pg_try_advisory_lock(hashtext('campaigns_last_of_the_day'))"
_NOT_ALONE: Final = "SELECT pg_advisory_unlock(hashtext('campaigns_last_of_the_day'))"
_SWEEP: Final = "DELETE FROM campaigns_drain WHERE lease_until < clock_timestamp()"
_TAKE: Final = """
INSERT INTO campaigns_drain (run_id, token, process, lease_until, started_at)
SELECT r.id, %(token)s, %(process)s, clock_timestamp() + %(lease)s, %(now)s
FROM campaigns_run r WHERE r.id = %(run)s AND r.state = 'sending'
    AND (SELECT count(*) FROM campaigns_drain d WHERE d.run_id = r.id) < %(slots)s
"""
_RENEW: Final = (
    "UPDATE campaigns_drain SET lease_until = clock_timestamp() + make_interval(secs => %s) WHERE token = %s"
)
_GIVE_UP: Final = "DELETE FROM campaigns_drain WHERE token = %s"


def take_slot(run_id: int, *, slots: int) -> uuid.UUID | None:
    """Begin to work on a sending run on which fewer than `slots` work; None when there is no room."""
    token = uuid.uuid4()
    params: dict[str, Any] = {
        "run": run_id,
        "line": run_id % 2**31,
        "token": token,
        "process": f"{socket.gethostname()}:{os.getpid()}"[:100],
        "lease": timing.DRAIN_LEASE,
        "now": clock.now(),
        "slots": slots,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_LINE, params)
        cursor.execute(_SWEEP)
        cursor.execute(_TAKE, params)
        return token if cursor.rowcount == 1 else None


def renew(token: uuid.UUID) -> bool:
    """Go on working. False when the slot is lost: this process was frozen for longer than its lease."""
    with connection.cursor() as cursor:
        cursor.execute(_RENEW, [timing.DRAIN_LEASE.total_seconds(), token])
        return bool(cursor.rowcount == 1)


@contextlib.contextmanager
def one_after_the_other() -> Iterator[bool]:
    """Yield whether we are the only worker of the installation in here. Ends with the database connection, too."""
    with connection.cursor() as cursor:
        cursor.execute(_ALONE)
        mine = bool(cursor.fetchone()[0])
    try:
        yield mine
    finally:
        if mine:
            with contextlib.suppress(OperationalError, InterfaceError), connection.cursor() as cursor:
                cursor.execute(_NOT_ALONE)


def give_up(token: uuid.UUID) -> None:
    """Leave the slot to somebody else."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_UP, [token])
