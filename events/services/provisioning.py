"""This installation and its AWS account: what it wants there, the difference, and making it so.

What was chosen at the last apply is kept with the settings, so that a later plan, apply or destroy means the same
resources. Raises steps.AwsCallError, session.AwsConfigurationError, wanted.BadChoice, model.Fixed and
sns.NotConfirmedError.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django.conf import settings

from campaigns.sending import quota
from events.endpoint import PATH
from mailplatform.accounts.models import Installation, User
from mailplatform.accounts.services import audit, installation
from mailplatform.aws import identity, sns
from mailplatform.aws.provision import policies as iam
from mailplatform.aws.provision import wanted as choices
from mailplatform.aws.provision.amazon import Amazon
from mailplatform.aws.provision.catalogue import describe
from mailplatform.aws.provision.engine import Ending, Provisioner, Told
from mailplatform.aws.provision.kinds import CONFIRMATION_SECONDS, all_kinds
from mailplatform.aws.provision.message_kinds import QueueKind
from mailplatform.aws.provision.model import Action, Resource, Step
from mailplatform.aws.provision.wanted import Schedule, Wanted
from mailplatform.aws.steps import Outcome, Report, plain_errors

SUBSCRIPTION: Final = "SNS subscription"
DROPPED: Final = frozenset({"EventBridge rule", "tenant", "tenant member"})
# What the choices of the last apply hold; everything else follows from settings.
CHOSEN: Final = (
    "identities",
    "operations_address",
    "ip_pool",
    "tenant",
    "tracking_domain",
    "schedules",
    "without",
)


def wanted(changes: Mapping[str, Any] | None = None) -> Wanted:
    """Return what this installation wants: settings, the choices of the last apply, and `changes` to them."""
    row = installation.get()
    chosen = from_stored(row.provisioning) | dict(changes or {})
    files = settings.S3_BUCKET
    return Wanted(
        prefix=row.configuration_set_prefix,
        tls_policy=settings.SES_TLS_POLICY,
        endpoint=endpoint_url(),
        files_bucket=files,
        # One bucket cannot be locked and forgetful at once.
        ledger_bucket="" if files == settings.LEDGER_BUCKET else settings.LEDGER_BUCKET,
        **{"identities": default_identities(row), **chosen},
    )


def plan(want: Wanted) -> Iterator[Step]:
    """Yield what there is and what would change; changes nothing."""
    amazon = _amazon()
    provisioner = Provisioner(amazon)
    yield from provisioner.plan(resources(want, amazon))
    yield from provisioner.surplus(_dropped(want, amazon))


def differences(want: Wanted | None = None) -> list[Step]:
    """Return the steps that would change something."""
    return [step for step in plan(want or wanted()) if step.action is not Action.KEEP]


def apply(
    want: Wanted, report: Report, *, actor: User | None = None, patience: float = CONFIRMATION_SECONDS
) -> Installation:
    """Make the difference true and write down what the site has to know; returns the settings with the quota.

    Subscriptions come last, and after the writing down: the site confirms only for topics that it knows.
    """
    amazon = _amazon()
    done: list[str] = []

    def noted(outcome: Outcome, what: str) -> None:
        if outcome in {Outcome.CREATED, Outcome.CHANGED, Outcome.REMOVED}:
            done.append(f"{outcome} {what}")
        report(outcome, what)

    everything = resources(want, amazon)
    provisioner = Provisioner(amazon, all_kinds(patience))
    try:
        dropped = _dropped(want, amazon)
        _stop_naming(dropped)
        provisioner.destroy(dropped, _as_outcome(noted))
        provisioner.apply([item for item in everything if item.kind != SUBSCRIPTION], noted)
        _write_down(want, amazon)
        subscriptions = [item for item in everything if item.kind == SUBSCRIPTION]
        provisioner.apply(subscriptions, noted)
        _name_others(amazon, subscriptions, report)
    finally:
        if done:
            audit.record(actor=actor, action="aws.provisioned", detail={"steps": done})
    for name in want.identities:
        if to_do := identity.state(amazon.connection, name).to_do:
            report(Outcome.PENDING, to_do)
    return quota.refresh()


def destroy(want: Wanted, told: Told, *, actor: User | None = None) -> None:
    """Remove what apply made; the settings forget what is gone. Nothing can be sent afterwards."""
    amazon = _amazon()
    gone: list[str] = []

    def noted(ending: Ending, what: str) -> None:
        if ending is Ending.REMOVED:
            gone.append(what)
        told(ending, what)

    try:
        Provisioner(amazon).destroy(resources(want, amazon), noted)
        installation.update(
            actor=None,
            account_id="",
            topic_arns=[],
            dead_letter_queue_url="",
            provisioning={},
            account_choices=None,
        )
    finally:
        if gone:
            audit.record(actor=actor, action="aws.removed", detail={"steps": gone})


def survey(want: Wanted) -> Iterator[tuple[Ending, Resource, str]]:
    """Yield what `destroy` would do with each resource, with why it stays or would; changes nothing."""
    amazon = _amazon()
    yield from Provisioner(amazon).survey(resources(want, amazon))


def resources(want: Wanted, amazon: Amazon | None = None) -> list[Resource]:
    """Return the descriptions; parts whose service is out of reach beside a stand-in are left out."""
    amazon = amazon or _amazon()
    away = {
        part
        for part, service in {"buckets": "s3", "monitoring": "cloudwatch"}.items()
        if not amazon.answers(service)
    }
    want = dataclasses.replace(want, without=want.without | away)
    with plain_errors():
        return describe(want, amazon.arn, amazon.account_id, amazon.region)


def policies(want: Wanted, amazon: Amazon | None = None) -> dict[str, Any]:
    """Return the IAM policies for running and for setting up."""
    amazon = amazon or _amazon()
    with plain_errors():
        return iam.documents(want, amazon.arn, amazon.account_id, amazon.region)


def amazon_of(number: str = "") -> Amazon:
    """Return the account with this number, without asking Amazon for it; without one, that of the keys."""
    amazon = _amazon()
    if number:
        amazon.account_id = number
    return amazon


def default_identities(row: Installation) -> tuple[str, ...]:
    """Return the default sender's domain: one that is verified signs every address of it."""
    sender = row.sender_address or settings.DEFAULT_FROM_EMAIL
    domain = sender.rpartition("@")[2]
    return (domain,) if "." in domain else ()


def endpoint_url() -> str:
    """Return the address that SNS posts events to."""
    return installation.public_url() + PATH


def _amazon() -> Amazon:
    return Amazon(installation.aws_connection())


def from_stored(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return choices as `Wanted` takes them from what `to_stored` made."""
    found = {name: value for name, value in stored.items() if name in CHOSEN}
    if "identities" in found:
        found["identities"] = tuple(found["identities"])
    if "schedules" in found:
        found["schedules"] = tuple(Schedule(**item) for item in found["schedules"])
    if "without" in found:
        found["without"] = frozenset(found["without"])
    return found


def to_stored(want: Wanted) -> dict[str, Any]:
    """Return the choices as JSON."""
    stored = {name: getattr(want, name) for name in CHOSEN}
    stored["identities"] = list(want.identities)
    stored["schedules"] = [dataclasses.asdict(item) for item in want.schedules]
    stored["without"] = sorted(want.without)
    return stored


def _dropped(want: Wanted, amazon: Amazon) -> list[Resource]:
    """Return what the last apply wanted and this one does not, of the kinds that act or cost by themselves."""
    kept = {item.key for item in resources(want, amazon)}
    return [item for item in resources(wanted(), amazon) if item.kind in DROPPED and item.key not in kept]


def _stop_naming(dropped: list[Resource]) -> None:
    """Let nobody send through a tenant that goes. What was chosen stays written down: an apply may be cut off."""
    if any(item.kind == "tenant" for item in dropped):
        row = installation.get()
        installation.update(actor=None, provisioning={**row.provisioning, "tenant_goes": True})


def _as_outcome(report: Report) -> Told:
    def told(ending: Ending, what: str) -> None:
        if ending is not Ending.ABSENT:
            report(Outcome.REMOVED if ending is Ending.REMOVED else Outcome.EXISTED, what)

    return told


def _write_down(want: Wanted, amazon: Amazon) -> None:
    topics = [choices.events_topic(want.prefix)]
    if want.schedules:
        topics.append(choices.triggers_topic(want.prefix))
    with plain_errors():
        queue_url = QueueKind.url(amazon, choices.dead_letters(want.prefix))
        verified = identity.verified_identities(amazon.connection)
    installation.update(
        actor=None,
        account_id=amazon.account_id,
        topic_arns=[amazon.arn("sns", name) for name in topics],
        dead_letter_queue_url=queue_url,
        verified_identities=verified,
        provisioning=to_stored(want),
        account_choices=None,
    )


def _name_others(amazon: Amazon, ours: list[Resource], report: Report) -> None:
    """Name other subscriptions of our topics; in a sandbox they are of sites that have moved, and go."""
    alone = installation.is_sandbox()
    endpoints = {item.name for item in ours}
    topics = {item.name.split(" ")[0] for item in ours if item.properties["Protocol"] != "email"}
    for topic in sorted(topics):
        for other in sns.subscriptions(amazon.connection, topic):
            if f"{topic} {other.endpoint}" in endpoints or not other.arn:
                continue
            if alone:
                amazon.call("sns", "unsubscribe", SubscriptionArn=other.arn)
            report(
                Outcome.REMOVED if alone else Outcome.EXISTED, f"another subscription, of {other.endpoint}"
            )
