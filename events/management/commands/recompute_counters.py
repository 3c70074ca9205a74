"""`manage.py recompute_counters`: count again from the rows and say whether counters and profiles agree."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from campaigns.models import Run
from events.services import recounting, retention, rollups


class Command(BaseCommand):
    """Compares the counters of every run, or of those named, and then what profiles say of each person's reading.

    `--repair` writes anew what differs.
    """

    help = "Count again from the rows and compare with the counters and the profiles."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take numbers of runs and `--repair`."""
        parser.add_argument("runs", nargs="*", type=int, help="numbers of runs (default: all)")
        parser.add_argument("--repair", action="store_true", help="write counters that differ anew")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        """Print every difference; fail when there is one that was not repaired."""
        runs = options["runs"] or list(Run.objects.order_by("pk").values_list("pk", flat=True))
        wrong = 0
        for run_id in runs:
            if retention.may_lack_events(run_id):
                self.stdout.write(
                    f"run {run_id}: events of its months were dropped; its counters stay as they are"
                )
                continue
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
        people = 0 if options["runs"] else self._people(repair=options["repair"])
        if (wrong or people) and not options["repair"]:
            raise CommandError(
                f"The counters of {wrong} of {len(runs)} runs do not agree with their rows, nor do {people} profiles."
            )
        agree = not wrong and not people
        self.stdout.write(f"{len(runs)} runs: counters and profiles agree." if agree else "Repaired.")

    def _people(self, *, repair: bool) -> int:
        exact = rollups.all_rows_are_kept()
        differences = rollups.compare(exact=exact)
        for item in differences:
            self.stdout.write(
                f"person {item.subscriber_id}, {item.name}: the profile says {item.profile}, rows say {item.rows}"
            )
        found = len({item.subscriber_id for item in differences})
        while repair and rollups.repair(exact=exact):
            pass
        return found
