"""`manage.py setup_database`: brings the tables up to date and gives the application's role its rights."""

import datetime as dt
import time
from typing import Any

import psycopg
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, connections, transaction

from mailplatform.core import clock, grants
from mailplatform.management.backup import unfinished

MONTHS_AHEAD = 3
# A change of a table waits for whoever reads it, and everybody else waits behind the change. So it gives up soon, lets
# them pass and tries again, for some minutes in all.
LOCK_TIMEOUT_S = 3
PAUSE_S = 2.0
TRIES = 60
# Two containers that start at once take turns.
LOCK = "SELECT pg_advisory_lock(7300)"
UNLOCK = "SELECT pg_advisory_unlock(7300)"


class Command(BaseCommand):
    """Migrates as the owner, grants to the application's role, makes the partitions of the coming months."""

    help = "Create or update the tables, the application's rights and the partitions; safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do all three under one lock."""
        owner = connections["owner"]
        if moment := unfinished.taken_at(owner):
            raise CommandError(
                "A restore was begun and not finished, so nobody may work with this database. "
                f"Finish it by manage.py restore --lock-as-of {moment.astimezone(dt.UTC).isoformat()}"
            )
        with owner.cursor() as cursor:
            cursor.execute(LOCK)
        try:
            self.migrate(verbosity=min(1, options["verbosity"]))
            self.grant(quiet=not options["verbosity"])
            ensure_partitions(clock.now().date())
        finally:
            with owner.cursor() as cursor:
                cursor.execute(UNLOCK)

    def migrate(self, *, verbosity: int) -> None:
        """Apply what is missing, one transaction each, while the site is in use. Raises CommandError."""
        with connections["owner"].cursor() as cursor:
            cursor.execute(f"SET lock_timeout = '{LOCK_TIMEOUT_S}s'")
            try:
                for _ in range(TRIES):
                    if self._is_migrated(verbosity):
                        return
                    time.sleep(PAUSE_S)
            finally:
                cursor.execute("RESET lock_timeout")
        raise CommandError(
            "A table that has to change is in use all the time, so not everything was changed; the site works as "
            "before. Look for a long transaction (pg_stat_activity), a backup or an import, and run this command again."
        )

    def _is_migrated(self, verbosity: int) -> bool:
        try:
            call_command("migrate", database="owner", interactive=False, verbosity=verbosity)
        except OperationalError as error:
            if not isinstance(error.__cause__, psycopg.errors.LockNotAvailable):
                raise
            self.stderr.write(f"A table is in use; trying again. ({error.__cause__.diag.message_primary})")
            return False
        return True

    def grant(self, *, quiet: bool = False) -> None:
        """Give the application's role its rights; say so when it is the owner itself."""
        app = connections["default"].settings_dict["USER"]
        if app == connections["owner"].settings_dict["USER"]:
            self.stderr.write(
                "The application uses the owner's role: it could change its own consent ledger. "
                "Set DATABASE_URL and DATABASE_OWNER_URL to two roles."
            )
            return
        with transaction.atomic(using="owner"):
            tables = grants.grant_app_role(connections["owner"], app)
        if not quiet:
            self.stdout.write(f"{app} may add to but not change: {', '.join(tables) or 'nothing yet'}")


def ensure_partitions(day: dt.date) -> None:
    """Make the event partitions from last month to three months ahead."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT events_ensure_month_partitions((%s::date + make_interval(months => m))::date)"
            " FROM generate_series(-1, %s) AS m",
            [day, MONTHS_AHEAD],
        )
