"""The mark of a database that was put back and is not locked yet: it comes with a dump or first, goes with the lock.

Whoever is killed in between leaves a database that knows nothing of the mail since its backup. While the mark is there
`setup_database` gives the application no rights.
"""

import datetime as dt
from typing import Final

from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

_TABLE: Final = "public.unfinished_restore"
# Who begins again with another time means the other time.
MARK: Final = sql.SQL(
    "CREATE TABLE IF NOT EXISTS public.unfinished_restore (taken_at timestamptz);"
    " DELETE FROM public.unfinished_restore; INSERT INTO public.unfinished_restore VALUES ({}::timestamptz);"
)


def taken_at(connection: BaseDatabaseWrapper) -> dt.datetime | None:
    """When the backup was made that was loaded and not locked; None where nothing is unfinished."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", [_TABLE])
        if cursor.fetchone()[0] is None:
            return None
        cursor.execute("SELECT taken_at FROM public.unfinished_restore")
        found: dt.datetime = cursor.fetchone()[0]
    return found


def forget(connection: BaseDatabaseWrapper) -> None:
    """Take the mark away, in the transaction that locks."""
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS public.unfinished_restore")
