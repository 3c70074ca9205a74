"""`manage.py decide_unresolved RUN --resend|--assume-sent|--assume-lost`: the operator's decision, without the page."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.models import DecisionAction, Run
from campaigns.services import decisions
from mailplatform.core import keys
from subscribers.models import Subscriber


class Command(BaseCommand):
    """Decides about the people of one run of whom nobody knows whether Amazon SES took their mail."""

    help = (
        "Decide what became of the unresolved people of a run: all of them, or those in a file of addresses."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The run, one of three actions, and a file."""
        parser.add_argument("run", type=int, help="number of the run")
        action = parser.add_mutually_exclusive_group(required=True)
        for value, words in (
            (DecisionAction.RESEND, "send again; who got the first mail gets a second"),
            (DecisionAction.ASSUME_SENT, "count as accepted"),
            (DecisionAction.ASSUME_LOST, "count as failed; they can be tried again with all who failed"),
        ):
            name = f"--{value.value.replace('_', '-')}"
            action.add_argument(name, dest="action", action="store_const", const=value, help=words)
        parser.add_argument("--emails-file", type=Path, help="only these people, one address per line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Decide, and say how many; fail with a sentence when there is nobody to decide about yet."""
        run_id: int = options["run"]
        if not Run.objects.filter(pk=run_id).exists():
            raise CommandError(f"There is no run {run_id}.")
        chosen = _people(options["emails_file"]) if options["emails_file"] else None
        try:
            made = decisions.decide(
                run_id=run_id,
                action=options["action"],
                actor=None,
                subscriber_ids=chosen,
                figures={"by": "command"},
            )
        except decisions.ERRORS as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{len(made.subscriber_ids)} people: {made.get_action_display().lower()}")


def _people(path: Path) -> list[int]:
    """The ids of the people in the file; raises when it cannot be read, or names somebody unknown."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} cannot be read: {error}") from error
    wanted = {keys.email_key(line.strip()): line.strip() for line in lines if line.strip()}
    found = {
        bytes(key): pk
        for key, pk in Subscriber.objects.filter(email_key__in=wanted).values_list("email_key", "pk")
    }
    unknown = [address for key, address in wanted.items() if bytes(key) not in found]
    if unknown:
        raise CommandError(f"Nobody here has the address {unknown[0]} ({len(unknown)} unknown in all).")
    return list(found.values())
