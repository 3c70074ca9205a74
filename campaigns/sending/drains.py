"""A worker's slot on a run: taken, renewed and given up in Postgres, whose clock judges every lease."""

import os
import socket
import uuid
from typing import Final

from django.db import connection, transaction

from mailplatform.core import clock

from . import timing

# Two who take the last slot at once stand in line here.
_LINE: Final = "SELECT pg_advisory_xact_lock(hashtext('campaigns_drain'), %(line)s)"
_SWEEP: Final = "DELETE FROM campaigns_drain WHERE lease_until < clock_timestamp()"
_TAKE: Final = """
INSERT INTO campaigns_drain (run_id, token, process, lease_until, started_at)
SELECT r.id, %(token)s, %(process)s, clock_timestamp() + %(lease)s, %(now)s
FROM campaigns_run r WHERE r.id = %(run)s AND r.state = 'sending'
    AND (SELECT count(*) FROM campaigns_drain d WHERE d.run_id = r.id) < %(slots)s
"""
_RENEW: Final = "UPDATE campaigns_drain SET lease_until = clock_timestamp() + %s WHERE token = %s"
_GIVE_UP: Final = "DELETE FROM campaigns_drain WHERE token = %s"


def take_slot(run_id: int, *, slots: int) -> uuid.UUID | None:
    """Begin to work on a sending run on which fewer than `slots` work; None when there is no room."""
    token = uuid.uuid4()
    params = {
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
        cursor.execute(_RENEW, [timing.DRAIN_LEASE, token])
        return bool(cursor.rowcount == 1)


def give_up(token: uuid.UUID) -> None:
    """Leave the slot to somebody else."""
    with connection.cursor() as cursor:
        cursor.execute(_GIVE_UP, [token])
