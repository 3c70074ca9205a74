"""The trials themselves; `manage.py chaos` starts the servers that they need, and kill."""

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mailplatform.embedded.layout import Layout
from mailplatform.management.chaos import trials
from mailplatform.management.chaos.lab import Lab
from mailplatform.management.chaos.ledger import Ledger
from mailplatform.management.chaos.schedule import Mode


class Command(BaseCommand):
    """Prints one line of JSON per seed, and for several seeds their sum."""

    help = "Run trials of the fault lab against servers that may be killed (`make chaos` starts them)."
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what `chaos` has checked."""
        parser.add_argument("--seeds", required=True)
        parser.add_argument("--recipients", type=int, required=True)
        parser.add_argument("--mode", default="")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run all; exit with 1 when a promise was broken."""
        if settings.SENDING_TIME_SCALE == 1 or not settings.SANDBOX_URL:
            raise CommandError("Trials need servers of their own. Start them with `make chaos`.")
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        seeds = [int(part) for part in options["seeds"].split(",")]
        data = Path(settings.DATA_DIR)
        call_command("setup_database", verbosity=0)
        lab = Lab(data / "lab", Layout.of(data), dict(os.environ), trials.say)
        try:
            trials.prepare(lab)
            mode = Mode(options["mode"]) if options["mode"] else None
            results = trials.run_all(lab, Ledger(settings.DATABASE_URL), seeds, options["recipients"], mode)
        finally:
            lab.end()
        if len(seeds) > 1:
            self.stdout.write(json.dumps(trials.summary(results)))
        if any(line["broken"] for line in results):
            raise SystemExit(1)
