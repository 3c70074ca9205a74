"""`manage.py backup FILE|DIR`: the database, the uploads and a manifest in one file, while everything runs."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.template.defaultfilters import filesizeformat

from mailplatform.management.backup import taking
from mailplatform.management.backup.errors import BackupError


class Command(BaseCommand):
    """Writes one file; keys and passwords are not in it."""

    help = "Back up database and uploads to FILE, or to a new file in the folder DIR; safe while everything runs."

    def add_arguments(self, parser: CommandParser) -> None:
        """Where to."""
        parser.add_argument("target", type=Path, metavar="FILE|DIR", help="a new file, or a folder for it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Write it, and say what is not in it."""
        try:
            path, found = taking.take(options["target"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        size = filesizeformat(path.stat().st_size)
        self.stdout.write(f"{path}: {size}, as of {found.taken_at:%d %b %Y, %H:%M:%S} UTC")
        if found.register:
            self.stdout.write(
                f"consent register: block {found.register.block}, record {found.register.last_id}"
            )
        if found.uploads is None:
            self.stdout.write(f"uploads: not in it, they are in the bucket {found.bucket}")
        else:
            self.stdout.write(f"uploads: {found.uploads.files} files, {filesizeformat(found.uploads.bytes)}")
        self.stdout.write(
            "not in it, keep them elsewhere: DATA_KEY, the ledger's signing key, the checkpoints"
        )
