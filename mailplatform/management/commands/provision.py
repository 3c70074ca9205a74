"""`manage.py provision`: what sending needs in the AWS account, compared, made or taken away again."""

import json
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser

from events.services import account_choices, provisioning
from mailplatform.accounts.services import installation
from mailplatform.aws import session, sns
from mailplatform.aws.control import ControlQueueBusy
from mailplatform.aws.errors import AccountUnreadableError
from mailplatform.aws.provision import request_text, words
from mailplatform.aws.provision.cloudformation import template
from mailplatform.aws.provision.engine import Ending
from mailplatform.aws.provision.kinds import CONFIRMATION_SECONDS
from mailplatform.aws.provision.model import Fixed
from mailplatform.aws.provision.wanted import PARTS, BadChoice, Schedule, Wanted
from mailplatform.aws.steps import AwsCallError, Outcome

EXPECTED: Final = (
    AccountUnreadableError,
    AwsCallError,
    BadChoice,
    ControlQueueBusy,
    Fixed,
    session.AwsConfigurationError,
    sns.NotConfirmedError,
)
SCHEDULE: Final = "NAME=EXPRESSION=CAMPAIGN, as weekly=cron(0 7 ? * MON *)=<the campaign's id or event:NAME>"


class Command(BaseCommand):
    """Prints one line per resource: what existed, was created, was changed."""

    help = (
        "Compare the AWS account with what sending needs, make the difference true, or take it away again. Safe to "
        "repeat. Options are remembered by --apply. The site must be running, because it confirms the subscription."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to do and what to choose."""
        acts = parser.add_mutually_exclusive_group()
        acts.add_argument("--plan", action="store_true", help="show what would change; change nothing")
        acts.add_argument("--apply", action="store_true", help="make it so (also without any of these)")
        acts.add_argument("--destroy", action="store_true", help="remove what --apply made, and nothing else")
        acts.add_argument("--policies", action="store_true", help="print the IAM policies for run and set-up")
        acts.add_argument("--cloudformation", action="store_true", help="print the same as a template")
        acts.add_argument(
            "--production-access",
            action="store_true",
            help="print the text that asks Amazon for production access",
        )
        parser.add_argument("--json", action="store_true", help="with --plan: for a program")
        parser.add_argument("--yes", action="store_true", help="with --destroy: do not ask")
        self._add_choices(parser)

    def _add_choices(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--identity",
            action="append",
            default=[],
            help="domain or address to send from; may be repeated (default: the default sender's domain)",
        )
        parser.add_argument("--operations-address", help="gets a mail when an alarm goes off")
        parser.add_argument("--tracking-domain", help="subdomain for opens and clicks counted by Amazon SES")
        parser.add_argument("--ip-pool", help="name of a managed pool of dedicated addresses")
        parser.add_argument("--tenant", help="name of a tenant of SES that identities and sets belong to")
        parser.add_argument(
            "--schedule", action="append", help=f"a rule of EventBridge, in UTC: {SCHEDULE}; '' for none"
        )
        parser.add_argument("--without", action="append", choices=[*PARTS], help="leave a part out")
        parser.add_argument(
            "--no-subscribe", action="store_true", help="make everything but the subscription"
        )
        parser.add_argument(
            "--wait", type=float, default=CONFIRMATION_SECONDS, help="seconds to wait for the confirmation"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do the one that was asked for."""
        try:
            changes = _changes(options)
            want = account_choices.wanted(changes)
            if options["plan"]:
                self._plan(want, as_json=options["json"])
            elif options["destroy"]:
                # What was chosen and never applied was never made.
                self._destroy(provisioning.wanted(changes), is_sure=options["yes"])
            elif options["policies"]:
                self.stdout.write(json.dumps(provisioning.policies(want), indent=2))
            elif options["cloudformation"]:
                made = template(provisioning.resources(want), installation.region())
                self.stdout.write(json.dumps(made, indent=2))
            elif options["production_access"]:
                self.stdout.write(request_text.text(want, installation.get().company))
            else:
                self._apply(want, options["wait"])
        except EXPECTED as error:
            raise CommandError(str(error)) from error

    def _plan(self, want: Wanted, *, as_json: bool) -> None:
        steps = list(provisioning.plan(want))
        if as_json:
            self.stdout.write(words.as_json(steps))
            return
        for line in words.lines(steps):
            self.stdout.write(line)
        for note in provisioning.notes():
            self.report(Outcome.PENDING, note)

    def _apply(self, want: Wanted, patience: float) -> None:
        if not want.identities:
            self.report(
                Outcome.PENDING, "no sending identity: name one with --identity, or set a default sender"
            )
        row = provisioning.apply(want, self.report, patience=patience)
        access = "production" if row.production_access else "Amazon's sandbox: verified addresses only"
        self.stdout.write(f"account {row.account_id}: {row.max_send_rate:g} recipients a second, {access}")

    def _destroy(self, want: Wanted, *, is_sure: bool) -> None:
        if not is_sure:
            self.stdout.write(
                f"This removes what provisioning made under the prefix {want.prefix}: nothing can be sent afterwards."
            )
            if input(f"Type {want.prefix} to go on: ").strip() != want.prefix:
                raise CommandError("Nothing was removed.")
        provisioning.destroy(want, self._ended)

    def _ended(self, ending: Ending, what: str) -> None:
        self.stdout.write(f"{ending:8} {what}")

    def report(self, outcome: Outcome, what: str) -> None:
        """Print one step."""
        self.stdout.write(f"{outcome:8} {what}")


def _changes(options: dict[str, Any]) -> dict[str, Any]:
    """Return the choices that were made on the command line."""
    names = ("operations_address", "tracking_domain", "ip_pool", "tenant")
    found: dict[str, Any] = {name: options[name] for name in names if options[name] is not None}
    if options["identity"]:
        found["identities"] = tuple(options["identity"])
    if options["schedule"] is not None:
        found["schedules"] = tuple(_schedule(text) for text in options["schedule"] if text)
    left_out = set(options["without"] or ())
    if options["no_subscribe"]:
        left_out.add("subscription")
    if left_out:
        found["without"] = frozenset(left_out)
    return found


def _schedule(text: str) -> Schedule:
    name, _, rest = text.partition("=")
    expression, _, what = rest.rpartition("=")
    if not (name and expression and what):
        raise BadChoice(f"A schedule is {SCHEDULE}; not {text!r}.")
    event = what.removeprefix("event:")
    return (
        Schedule(name, expression, event=event) if event != what else Schedule(name, expression, what.lower())
    )
