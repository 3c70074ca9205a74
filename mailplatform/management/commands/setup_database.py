"""`manage.py setup_database`: brings the tables up to date and gives the application's role its rights."""

import datetime as dt
from typing import Any

from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connections, transaction

from mailplatform.core import clock, grants
from mailplatform.management.backup import unfinished

MONTHS_AHEAD = 3
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
            call_command(
                "migrate", database="owner", interactive=False, verbosity=min(1, options["verbosity"])
            )
            self.grant(quiet=not options["verbosity"])
            ensure_partitions(clock.now().date())
        finally:
            with owner.cursor() as cursor:
                cursor.execute(UNLOCK)

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
