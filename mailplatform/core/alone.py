"""Jobs that only one worker does at a time, and for which nobody waits."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def alone(job: str) -> Iterator[bool]:
    """Open a transaction; give True where nobody else does `job` now, and keep others from it until the end.

    Who gets False leaves it at once: copies of a job that waited for each other would keep every worker from its work.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext(%s))", [job])
        yield cursor.fetchone()[0]
