"""`manage.py doctor`: looks at everything that mail depends on, and says what is wrong and what to do."""

import json
from itertools import chain
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailplatform.management import doctor
from mailplatform.management.doctor import Level, live


class Command(BaseCommand):
    """Prints one line per thing looked at; exit code 1 when one is an error."""

    help = "Check database, Redis, workers, scheduler, keys, storage, public address and the AWS account."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to print and whether to send."""
        parser.add_argument("--json", action="store_true", help="a JSON object per line, for a program")
        parser.add_argument(
            "--live",
            action="store_true",
            help="also send to Amazon's success, bounce and complaint simulators and wait for each event",
        )
        parser.add_argument(
            "--wait", type=float, default=live.WAIT_SECONDS, help="seconds to wait for those events"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Look at everything, also when something is wrong."""
        errors = 0
        for finding in chain(doctor.examine(), live.examine(options["wait"]) if options["live"] else ()):
            errors += finding.level is Level.ERROR
            if options["json"]:
                row = {"level": finding.level, "subject": finding.subject, "detail": finding.detail}
                self.stdout.write(json.dumps(row))
            else:
                detail = finding.detail or "as it should be"
                self.stdout.write(f"{finding.level.upper():8} {finding.subject}: {detail}")
        if errors:
            raise CommandError(f"{errors} thing{'s' if errors > 1 else ''} must be mended.")
