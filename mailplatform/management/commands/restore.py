"""`manage.py restore FILE`: back to a backup, locked; `--unlock` lets mail leave again."""

import datetime as dt
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_datetime

from campaigns.services import restoring as locking
from mailplatform.core import clock
from mailplatform.management.backup import restoring
from mailplatform.management.backup.errors import BackupError

NEXT = """\
Sending is locked. What is left to do:
1. Start the site, and take in what Amazon kept: manage.py redrive. Events settle people in doubt.
2. Look at Settings, Restored from a backup. Decide about the rest, by the page or by manage.py decide_unresolved.
3. manage.py restore --unlock, or the button of that page. Then resume each campaign."""


class Command(BaseCommand):
    """Does one of three things; each ends with a clear sentence."""

    help = "Restore a backup into an empty database; nothing is sent to readers until --unlock."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        """A file, or one of the two other acts."""
        what = parser.add_mutually_exclusive_group(required=True)
        what.add_argument("file", nargs="?", type=Path, metavar="FILE", help="what `manage.py backup` wrote")
        what.add_argument("--unlock", action="store_true", help="let mail leave again; campaigns stay paused")
        what.add_argument(
            "--lock-as-of",
            metavar="TIME",
            help="for a database that something else put back: lock it. TIME is what it was put back to, with its "
            "offset: 2026-11-22T12:04:00+00:00",
        )

        what.add_argument(
            "--wal",
            type=Path,
            metavar="BASE",
            help="the embedded Postgres from a base backup (pg_basebackup) and the archived WAL of --archive",
        )
        parser.add_argument("--archive", type=Path, metavar="DIR", help="where the WAL was archived")
        parser.add_argument(
            "--complete",
            action="store_true",
            help="with --wal: no commit lacks in the archive (it was received synchronously), so do not lock",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Exit with 1 also where the register is not as it was written; the lock holds then, too."""
        if bool(options["wal"]) != bool(options["archive"]) or (options["complete"] and not options["wal"]):
            raise CommandError("--wal BASE and --archive DIR belong together, and --complete to them.")
        if options["unlock"]:
            self.unlock()
            return
        try:
            if options["wal"]:
                self.replay(options)
                return
            if options["file"]:
                done = restoring.restore(options["file"], say=self.stdout.write)
            else:
                done = restoring.lock(taken_at=moment(options["lock_as_of"]))
        except BackupError as error:
            raise CommandError(str(error)) from error
        self.report(done)

    def unlock(self) -> None:
        """Let mail leave again."""
        try:
            locking.unlock(actor=None)
        except locking.NotLocked as error:
            raise CommandError(str(error)) from error
        self.stdout.write("Unlocked. Each campaign stays paused until somebody resumes it.")

    def replay(self, options: dict[str, Any]) -> None:
        """Recover the embedded Postgres, and say up to when."""
        last, done = restoring.replay(options["wal"], options["archive"], is_complete=options["complete"])
        until = f"{last:%d %b %Y, %H:%M:%S} UTC" if last else "the base backup"
        self.stdout.write(f"Postgres runs again, with everything up to {until}.")
        if done:
            self.report(done)

    def report(self, done: restoring.Restored) -> None:
        """Say what is in doubt, what is lost, and what to do."""
        row = done.restore
        self.stdout.write(
            f"The database is as of {row.taken_at:%d %b %Y, %H:%M:%S} UTC. Uploads: {done.uploads}."
        )
        self.stdout.write(
            f"Campaigns paused: {row.runs}. People of them who may have got mail since: {row.people}."
        )
        if row.lost_records:
            self.stderr.write(
                f"Records of the consent register that are lost, also withdrawals: {row.lost_records}."
            )
        elif row.lost_records is None:
            self.stderr.write(
                "There were no checkpoints: how much of the consent register is lost cannot be told."
            )
        for warning in done.warnings:
            self.stderr.write(warning)
        for line in done.report.lines():
            self.stdout.write(line)
        self.stdout.write(NEXT)
        if not done.report.ok:
            raise CommandError(
                "The register is NOT as it was written. Everything else is restored, and locked."
            )


def moment(text: str) -> dt.datetime:
    """Read a time with its offset, which must lie in the past."""
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise CommandError(f"{text} is no time with an offset, such as 2026-11-22T12:04:00+00:00.")
    if found > clock.now():
        raise CommandError(f"{text} lies in the future.")
    return found
