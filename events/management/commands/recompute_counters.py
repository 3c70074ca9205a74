"""`manage.py recompute_counters`: count again from the rows and say whether the counters agree."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.models import Run
from events.services import recounting


class Command(BaseCommand):
    """Compares the counters of every run, or of those named; `--repair` writes them anew."""

    help = "Count again from the rows and compare with the counters."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take numbers of runs and `--repair`."""
        parser.add_argument("runs", nargs="*", type=int, help="numbers of runs (default: all)")
        parser.add_argument("--repair", action="store_true", help="write counters that differ anew")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Print every difference; fail when there is one that was not repaired."""
        runs = options["runs"] or list(Run.objects.order_by("pk").values_list("pk", flat=True))
        wrong = 0
        for run_id in runs:
            differences = recounting.compare(run_id)
            for item in differences:
                place = f"run {run_id}, {item.type}{' by machines' if item.is_machine else ''}"
                link = f", link {item.link_id}" if item.link_id else ""
                self.stdout.write(
                    f"{place}{link}: {item.what} counted {item.counter:,}, rows say {item.rows:,}"
                )
            if differences and options["repair"]:
                recounting.repair(run_id)
                self.stdout.write(f"run {run_id}: counters written anew")
            wrong += bool(differences)
        if wrong and not options["repair"]:
            raise CommandError(f"The counters of {wrong} of {len(runs)} runs do not agree with their rows.")
        self.stdout.write(
            f"{len(runs)} runs: the counters agree with the rows." if not wrong else "Repaired."
        )
