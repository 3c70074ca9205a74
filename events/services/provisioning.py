"""This installation and its AWS account: what it wants there, the difference, and making it so.

What was chosen at the last apply is kept with the settings, so that a later plan, apply or destroy means the same
resources; and what was chosen before, so that it can be taken away. Raises steps.AwsCallError,
session.AwsConfigurationError, wanted.BadChoice, model.Fixed and sns.NotConfirmedError.
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
from mailplatform.aws.provision.engine import NOT_OURS, Ending, Provisioner, Told
from mailplatform.aws.provision.kinds import CONFIRMATION_SECONDS, all_kinds
from mailplatform.aws.provision.message_kinds import QueueKind
from mailplatform.aws.provision.model import Action, Resource, Step
from mailplatform.aws.provision.wanted import Wanted
from mailplatform.aws.steps import Outcome, Report, plain_errors
from mailplatform.core import clock

from . import past_choices
from .past_choices import SUBSCRIPTION

RULE: Final = "EventBridge rule"
IDENTITY: Final = "sending identity"
# Configuration sets name it until they are changed.
LAST_TO_GO: Final = "IP pool"


def wanted(changes: Mapping[str, Any] | None = None) -> Wanted:
    """Return what this installation wants: settings, the choices of the last apply, and `changes` to them."""
    row = installation.get()
    chosen = past_choices.from_stored(row.provisioning) | dict(changes or {})
    files = settings.S3_BUCKET
    want = Wanted(
        prefix=row.configuration_set_prefix,
        tls_policy=settings.SES_TLS_POLICY,
        endpoint=endpoint_url(),
        files_bucket=files,
        # One bucket cannot be locked and forgetful at once.
        ledger_bucket="" if files == settings.LEDGER_BUCKET else settings.LEDGER_BUCKET,
        buckets_region=settings.S3_REGION,
        **{"identities": default_identities(row), **chosen},
    )
    return dataclasses.replace(want, dropped=past_choices.dropped(row, want))


def plan(want: Wanted) -> Iterator[Step]:
    """Yield what there is and what would change; changes nothing."""
    amazon = _amazon()
    provisioner = Provisioner(amazon)
    yield from provisioner.plan(resources(want, amazon))
    yield from provisioner.surplus(past_choices.surplus(_former(want, amazon)))


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
    made: set[str] = set()

    def noted(outcome: Outcome, what: str) -> None:
        if outcome in {Outcome.CREATED, Outcome.CHANGED, Outcome.REMOVED}:
            done.append(f"{outcome} {what}")
            made.add(what.partition(": ")[0])
        report(outcome, what)

    everything = resources(want, amazon)
    surplus = past_choices.surplus(_former(want, amazon))
    past_choices.remember(_within_reach(want, amazon))
    provisioner = Provisioner(amazon, all_kinds(patience))
    try:
        _stop_naming(surplus)
        provisioner.destroy([item for item in surplus if item.kind != LAST_TO_GO], _as_outcome(noted))
        provisioner.apply([item for item in everything if item.kind != SUBSCRIPTION], noted)
        provisioner.destroy([item for item in surplus if item.kind == LAST_TO_GO], _as_outcome(noted))
        _write_down(want, amazon, made)
        subscriptions = [item for item in everything if item.kind == SUBSCRIPTION]
        provisioner.apply(subscriptions, noted)
        _name_others(amazon, subscriptions, report)
    finally:
        if done:
            audit.record(actor=actor, action="aws.provisioned", detail={"steps": done})
    for note in notes(amazon):
        report(Outcome.PENDING, note)
    for name in want.identities:
        if to_do := identity.state(amazon.connection, name).to_do:
            report(Outcome.PENDING, to_do)
    return quota.refresh()


def destroy(want: Wanted, told: Told, *, actor: User | None = None) -> None:
    """Remove all that any apply made; the settings forget what is gone. Nothing can be sent afterwards."""
    amazon = _amazon()
    removed, gone, lost = list[str](), set[str](), dict[str, bool]()

    def noted(ending: Ending, what: str) -> None:
        if ending is Ending.REMOVED:
            removed.append(what)
        if ending is not Ending.KEPT or what.endswith(NOT_OURS):
            gone.add(what.removesuffix(f": {NOT_OURS}"))
        if ending is not Ending.KEPT and what.startswith(f"{IDENTITY} "):
            lost[what.removeprefix(f"{IDENTITY} ")] = False
        told(ending, what)

    try:
        Provisioner(amazon).destroy(_everything(want, amazon), noted)
        left = past_choices.left_of(
            [_within_reach(want, amazon), *past_choices.remembered(installation.get(), want)],
            lambda earlier: _staying(earlier, amazon) - gone,
        )
        installation.update(
            actor=None,
            account_id="",
            topic_arns=[],
            dead_letter_queue_url="",
            provisioning={past_choices.PAST: left} if left else {},
            account_choices=None,
        )
    finally:
        installation.note_identities(lost)
        if removed:
            audit.record(actor=actor, action="aws.removed", detail={"steps": removed})


def survey(want: Wanted) -> Iterator[tuple[Ending, Resource, str]]:
    """Yield what `destroy` would do with each resource, with why it stays or would; changes nothing."""
    amazon = _amazon()
    yield from Provisioner(amazon).survey(_everything(want, amazon))


def resources(want: Wanted, amazon: Amazon | None = None) -> list[Resource]:
    """Return the descriptions; parts whose service is out of reach beside a stand-in are left out."""
    amazon = amazon or _amazon()
    with plain_errors():
        return describe(_within_reach(want, amazon), amazon.arn, amazon.account_id, amazon.region)


def notes(amazon: Amazon | None = None) -> list[str]:
    """Return what an operator has to do himself, because it is left out here."""
    if not (amazon or _amazon()).has_own_storage:
        return []
    return [
        "buckets are left out: AWS_ENDPOINT_URL_S3 names a storage of your own; make S3_BUCKET and LEDGER_BUCKET there"
    ]


def policies(want: Wanted, amazon: Amazon | None = None) -> dict[str, Any]:
    """Return the IAM policies for running and for setting up."""
    amazon = amazon or _amazon()
    with plain_errors():
        past = past_choices.remembered(installation.get(), want)
        choices = [_without_own_storage(item, amazon) for item in (want, *past)]
        return iam.documents(choices[0], amazon.arn, amazon.account_id, amazon.region, choices[1:])


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
    return Amazon(installation.aws_connection(), buckets_region=settings.S3_REGION)


def _within_reach(want: Wanted, amazon: Amazon) -> Wanted:
    """Leave out what cannot be made here: its service is out of reach beside a stand-in, or is not Amazon's."""
    want = _without_own_storage(want, amazon)
    away = {
        part
        for part, service in {"buckets": "s3", "monitoring": "cloudwatch"}.items()
        if not amazon.answers(service)
    }
    return dataclasses.replace(want, without=want.without | away)


def _without_own_storage(want: Wanted, amazon: Amazon) -> Wanted:
    if not amazon.has_own_storage:
        return want
    return dataclasses.replace(want, without=want.without | {"buckets"}, buckets_region="")


def _former(want: Wanted, amazon: Amazon) -> list[Resource]:
    """Return what earlier choices wanted and this one does not."""
    kept = {item.key for item in resources(want, amazon)}
    past = past_choices.remembered(installation.get(), want)
    found = [item for earlier in past for item in resources(earlier, amazon) if item.key not in kept]
    return past_choices.in_order(found)


def _everything(want: Wanted, amazon: Amazon) -> list[Resource]:
    """Return what any choices wanted."""
    return past_choices.in_order([*_former(want, amazon), *resources(want, amazon)])


def _staying(want: Wanted, amazon: Amazon) -> set[str]:
    """Return the keys of what only `destroy` takes away; also of what is out of reach now."""
    with plain_errors():
        found = describe(want, amazon.arn, amazon.account_id, amazon.region)
    return {
        item.key for item in found if item.kind in past_choices.UNTIL_DESTROY and item.kind != "SES account"
    }


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


def _write_down(want: Wanted, amazon: Amazon, made: set[str]) -> None:
    topics = [choices.events_topic(want.prefix)]
    if want.schedules:
        topics.append(choices.triggers_topic(want.prefix))
    past = past_choices.remembered(installation.get(), want)
    here = _within_reach(want, amazon)
    left = past_choices.left_of([here, *past], lambda earlier: _staying(earlier, amazon))
    stored = past_choices.as_stored(want) | {past_choices.PAST: left, "since": _since(want, made)}
    with plain_errors():
        queue_url = QueueKind.url(amazon, choices.dead_letters(want.prefix))
        verified = identity.verified_identities(amazon.connection)
    installation.update(
        actor=None,
        account_id=amazon.account_id,
        topic_arns=[amazon.arn("sns", name) for name in topics],
        dead_letter_queue_url=queue_url,
        verified_identities=verified,
        provisioning=stored,
        account_choices=None,
    )


def _since(want: Wanted, made: set[str]) -> dict[str, str]:
    """Return since when each schedule is at Amazon as it is: from then on it is missed when it does not come."""
    before, now = installation.get().provisioning.get("since") or {}, clock.now().isoformat()
    names = {item.name: f"{RULE} {choices.rule_name(want.prefix, item.name)}" for item in want.schedules}
    return {name: now if key in made else before.get(name, now) for name, key in names.items()}


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
