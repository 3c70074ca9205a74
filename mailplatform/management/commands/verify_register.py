"""`manage.py verify_register [FILE]`: is the consent register as it was written? Names what is not."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from subscribers.ledger import keys
from subscribers.ledger.report import Report
from subscribers.ledger.verify_export import verify_export
from subscribers.selectors import register


class Command(BaseCommand):
    """With FILE checks an export, needing neither database nor network; without it, the live ledger."""

    help = (
        "Check the consent register. With FILE (an export, zipped or unpacked): offline, with the public key "
        "alone. Without: the live ledger against the newest signed checkpoint. Names every record that was changed, "
        "removed, added or cut from the tail, and then exits with 1."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare FILE and the key to trust."""
        parser.add_argument("file", nargs="?", metavar="FILE", help="an export of the register")
        parser.add_argument(
            "--public-key",
            default="",
            metavar="KEY",
            help="the key you trust: a PEM file or 64 hex digits, as on the register page",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Print the report; exit with 1 unless all is whole."""
        report = self.check_file(options) if options["file"] else self.check_ledger()
        for line in report.lines():
            self.stdout.write(line)
        if not report.ok:
            raise CommandError("The register is NOT as it was written.", returncode=1)
        self.stdout.write("The register is as it was written.")

    def check_file(self, options: dict[str, Any]) -> Report:
        """Check an export with the key given, or else with the one inside it."""
        return verify_export(Path(options["file"]), read_key(options["public_key"]))

    def check_ledger(self) -> Report:
        """Check the live ledger."""
        try:
            report = register.verify()
        except DatabaseError as error:
            raise CommandError(f"The database cannot be read: {error}") from error
        for warning in register.role_warnings():
            self.stderr.write(f"Warning: {warning}")
        return report


def read_key(given: str) -> bytes | None:
    """Return the public key named on the command line: a file, or the digits themselves."""
    if not given:
        return None
    try:
        path = Path(given)
        return keys.parse_public_key(path.read_text() if path.is_file() else given)
    except (OSError, UnicodeDecodeError, keys.PublicKeyError) as error:
        raise CommandError(f"--public-key: {error}") from error
