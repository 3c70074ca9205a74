"""Makes in the AWS account what sending needs. Every step may be repeated: it changes only what differs.

Two parts, because our endpoint confirms its subscription only for a topic that it has been told of in between.
"""

from dataclasses import dataclass

from . import configuration_sets, identity, sns, sqs
from .session import Connection, client
from .steps import Outcome, Report, plain_errors


@dataclass(frozen=True, slots=True)
class Plan:
    """What to make. `prefix` begins the names of all resources; `identities` are domains or addresses."""

    prefix: str
    identities: tuple[str, ...]
    tls_policy: str = "REQUIRE"


@dataclass(frozen=True, slots=True)
class Resources:
    """What there is afterwards."""

    account_id: str
    topic_arn: str
    queue: sqs.Queue
    verified_identities: tuple[str, ...]


def account_id(connection: Connection) -> str:
    """Return the account that the credentials belong to."""
    return str(client(connection, "sts").get_caller_identity()["Account"])


@plain_errors()
def make_resources(connection: Connection, plan: Plan, report: Report) -> Resources:
    """Make identities, topic, dead-letter queue, configuration sets and their event destinations.

    Raises steps.AwsCallError.
    """
    account = account_id(connection)
    for name in plan.identities:
        identity.ensure_identity(connection, name, report)
    names = {
        tracking: configuration_sets.name_of(plan.prefix, tracking) for tracking in configuration_sets.TRACKED
    }
    for name in names.values():
        configuration_sets.ensure_set(connection, name=name, tls_policy=plan.tls_policy, report=report)
    sources = [configuration_sets.arn_of(connection.region, account, name) for name in names.values()]
    topic_arn = sns.ensure_topic(
        connection, name=topic_name(plan.prefix), account_id=account, sources=sources, report=report
    )
    queue = sqs.ensure_queue(connection, name=queue_name(plan.prefix), topic_arn=topic_arn, report=report)
    for tracking, name in names.items():
        configuration_sets.ensure_destination(
            connection, name=name, tracking=tracking, topic_arn=topic_arn, report=report
        )
    return Resources(account, topic_arn, queue, tuple(identity.verified_identities(connection)))


@plain_errors()
def subscribe_endpoint(
    connection: Connection,
    resources: Resources,
    endpoint: str,
    report: Report,
    *,
    patience: float,
    alone: bool,
) -> str:
    """Subscribe our endpoint and wait until it confirmed. Returns the subscription's ARN.

    Other endpoints on the topic are named; `alone` removes them (a sandbox's site moves from port to port).
    Raises sns.NotConfirmedError, steps.AwsCallError.
    """
    arn = sns.ensure_subscription(
        connection,
        topic_arn=resources.topic_arn,
        endpoint=endpoint,
        dead_letter_arn=resources.queue.arn,
        report=report,
        patience=patience,
    )
    for other in sns.subscriptions(connection, resources.topic_arn):
        if other.endpoint == endpoint or not other.arn:
            continue
        if alone:
            sns.unsubscribe(connection, other.arn)
        report(Outcome.REMOVED if alone else Outcome.EXISTED, f"another subscription, of {other.endpoint}")
    return arn


def topic_name(prefix: str) -> str:
    """Return the name of the topic for SES events."""
    return f"{prefix}-ses-events"


def queue_name(prefix: str) -> str:
    """Return the name of the subscription's dead-letter queue."""
    return f"{prefix}-ses-events-dead"
