"""`manage.py provision`: makes in the AWS account what sending needs, and subscribes this site to its events."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from campaigns.sending import quota
from events.endpoint import PATH
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import provisioning, session, sns
from mailplatform.aws.errors import AccountUnreadableError
from mailplatform.aws.steps import AwsCallError, Outcome

PATIENCE_SECONDS = 90.0


class Command(BaseCommand):
    """Prints one line per resource: what existed, was created, was changed."""

    help = (
        "Create or mend the sending identity, configuration sets, SNS topic, dead-letter queue and subscription. "
        "Safe to repeat. The site must be running, because it confirms the subscription."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the identity and how long to wait."""
        parser.add_argument(
            "--identity",
            action="append",
            default=[],
            help="domain or address to send from; may be repeated (default: the default sender's domain)",
        )
        parser.add_argument(
            "--no-subscribe", action="store_true", help="make everything but the subscription"
        )
        parser.add_argument(
            "--wait", type=float, default=PATIENCE_SECONDS, help="seconds to wait for the confirmation"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Make the resources, write them down, subscribe, read the account's quota."""
        row = installation.get()
        plan = provisioning.Plan(
            prefix=row.configuration_set_prefix,
            identities=tuple(options["identity"]) or default_identities(row),
            tls_policy=settings.SES_TLS_POLICY,
        )
        if not plan.identities:
            self.report(
                Outcome.PENDING, "no sending identity: name one with --identity, or set a default sender"
            )
        try:
            self.provision(plan, subscribe=not options["no_subscribe"], patience=options["wait"])
        except (
            AwsCallError,
            sns.NotConfirmedError,
            AccountUnreadableError,
            session.AwsConfigurationError,
        ) as error:
            raise CommandError(str(error)) from error

    def provision(self, plan: provisioning.Plan, *, subscribe: bool, patience: float) -> None:
        """Do it; each part is written down before the next needs it."""
        connection = installation.aws_connection()
        session.check_region(connection.region)
        resources = provisioning.make_resources(connection, plan, self.report)
        installation.update(
            actor=None,
            account_id=resources.account_id,
            topic_arns=[resources.topic_arn],
            dead_letter_queue_url=resources.queue.url,
            verified_identities=list(resources.verified_identities),
        )
        if subscribe:
            provisioning.subscribe_endpoint(
                connection,
                resources,
                endpoint_url(),
                self.report,
                patience=patience,
                alone=installation.is_sandbox(),
            )
        row = quota.refresh()
        access = "production" if row.production_access else "Amazon's sandbox: verified addresses only"
        self.stdout.write(f"account {row.account_id}: {row.max_send_rate:g} recipients a second, {access}")

    def report(self, outcome: Outcome, what: str) -> None:
        """Print one step."""
        self.stdout.write(f"{outcome:8} {what}")


def default_identities(row: Installation) -> tuple[str, ...]:
    """Return the default sender's domain: one that is verified signs every address of it."""
    sender = row.sender_address or settings.DEFAULT_FROM_EMAIL
    domain = sender.rpartition("@")[2]
    return (domain,) if "." in domain else ()


def endpoint_url() -> str:
    """Return the address that SNS posts events to."""
    return installation.public_url() + PATH
