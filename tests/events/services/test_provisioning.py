"""What earlier choices made is named, taken away, and never forgotten."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto import mock_aws

from events.services import figures, provisioning
from mailplatform.accounts.services import installation
from mailplatform.aws import session
from mailplatform.aws.provision.amazon import Amazon
from mailplatform.aws.provision.cloudformation import template
from mailplatform.aws.provision.model import Action
from mailplatform.aws.provision.wanted import Schedule, Wanted
from mailplatform.aws.steps import AwsCallError
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.aws import SERVICES, WEEKLY, confirming_site, inventory
from tests.factories.stack import create_stack

pytestmark = pytest.mark.django_db
NOTHING: dict[str, Any] = {
    "operations_address": "",
    "ip_pool": "",
    "tenant": "",
    "tracking_domain": "",
    "schedules": (),
    "without": frozenset({"buckets", "monitoring"}),
}


@pytest.fixture
def sandbox(settings: Any, shared_sandbox: RunningSandbox) -> Iterator[RunningSandbox]:
    """An empty account, and a site that confirms what it is asked for."""
    shared_sandbox.reset()
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, shared_sandbox.url)
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    settings.AWS_REGION = shared_sandbox.region
    installation.update(actor=None, configuration_set_prefix=f"t{uuid.uuid4().hex[:8]}")
    with confirming_site(shared_sandbox) as url:
        settings.PUBLIC_URL = url.removesuffix("/sns/events/")
        yield shared_sandbox


def everything(**changes: Any) -> Wanted:
    prefix = installation.get().configuration_set_prefix
    chosen: dict[str, Any] = {
        "identities": (f"{prefix}.example.eu",),
        "operations_address": "ops@example.eu",
        "ip_pool": f"{prefix}-pool",
        "tenant": f"{prefix}-tenant",
        "tracking_domain": f"t.{prefix}.example.eu",
        "schedules": (WEEKLY,),
    }
    return provisioning.wanted(chosen | changes)


def apply(want: Wanted) -> list[str]:
    told: list[str] = []
    provisioning.apply(want, lambda outcome, what: told.append(f"{outcome} {what}"), patience=10)
    return told


def destroy(want: Wanted) -> list[str]:
    told: list[str] = []
    provisioning.destroy(want, lambda ending, what: told.append(f"{ending} {what}"))
    return told


def to_remove(want: Wanted) -> set[str]:
    steps = provisioning.differences(want)
    return {step.resource.key for step in steps if step.action is Action.REMOVE}


def test_what_is_wanted_no_longer_is_planned_to_go_and_goes(sandbox: RunningSandbox) -> None:
    before, prefix = inventory(sandbox), installation.get().configuration_set_prefix
    apply(everything())
    none = everything(**NOTHING)
    planned = to_remove(none)
    kinds = {key.rsplit(" ", 1)[0] for key in planned}
    assert kinds >= {"SNS topic", "IP pool", "event destination", "tenant", "CloudWatch alarm"}
    assert kinds >= {"CloudWatch dashboard", "EventBridge rule"}
    assert {f"SNS topic {prefix}-triggers", f"SNS topic {prefix}-operations"} <= planned
    assert not any("bucket" in key or "identity" in key for key in planned if "member" not in key)

    told = apply(none)
    assert {what.removeprefix("removed ") for what in told if what.startswith("removed")} == planned
    found = inventory(sandbox)
    for kind in ("pools", "tenants", "alarms", "dashboards", "rules"):
        assert found[kind] == before[kind], kind
    assert len(found["topics"]) == len(found["subscriptions"]) == 1
    assert not any("Pool" in item or "CustomRedirectDomain" in item for item in found["sets"])
    assert (len(found["buckets"]), len(found["identities"])) == (2, 1)
    assert provisioning.differences() == []
    destroy(provisioning.wanted())
    assert inventory(sandbox) == before
    assert installation.get().provisioning == {}


def test_a_destroy_with_other_choices_leaves_nothing(sandbox: RunningSandbox) -> None:
    before = inventory(sandbox)
    apply(everything())
    told = destroy(everything(**NOTHING, identities=()))
    assert inventory(sandbox) == before
    assert [what for what in told if what.startswith("kept")] == [
        "kept SES account suppression: is a setting of the whole account"
    ]


@pytest.mark.parametrize("operation", ["CreateDedicatedIpPool", "CreateTenantResourceAssociation", "PutRule"])
def test_what_an_apply_made_before_it_was_cut_off_is_known(sandbox: RunningSandbox, operation: str) -> None:
    """Carried out, and nobody was there any more to note it; then somebody wants something else."""
    before = inventory(sandbox)
    with cut_off_after(operation), pytest.raises(AwsCallError, match="Injected"):
        apply(everything(without=frozenset({"buckets", "monitoring"})))
    assert installation.get().account_id == ""
    assert to_remove(everything(**NOTHING))
    destroy(everything(**NOTHING))
    assert inventory(sandbox) == before


def test_a_pool_and_a_domain_that_somebody_else_gave_a_set_stay(sandbox: RunningSandbox) -> None:
    small = everything(**NOTHING)
    apply(small)
    ses, prefix = sandbox.client("sesv2"), small.prefix
    ses.create_dedicated_ip_pool(PoolName="theirs")
    domain = f"theirs.{prefix}.example.eu"
    name = {"ConfigurationSetName": f"{prefix}-both"}
    ses.put_configuration_set_delivery_options(**name, TlsPolicy="REQUIRE", SendingPoolName="theirs")
    ses.put_configuration_set_tracking_options(**name, CustomRedirectDomain=domain)
    assert provisioning.differences() == []
    # A change of something else names theirs again.
    ses.put_configuration_set_delivery_options(**name, TlsPolicy="OPTIONAL", SendingPoolName="theirs")
    apply(provisioning.wanted())
    assert ses.get_configuration_set(**name)["DeliveryOptions"]["SendingPoolName"] == "theirs"
    destroy(provisioning.wanted())


def test_what_is_kept_stays_known_until_it_is_gone(sandbox: RunningSandbox) -> None:
    before = inventory(sandbox)
    apply(everything(**NOTHING | {"without": frozenset({"monitoring", "subscription"})}))
    # Two schedules later nothing but what only a destroy takes away is remembered of all that.
    for name in ("daily", "hourly"):
        schedules = (Schedule(name, "rate(1 day)", event="price-list"),)
        apply(everything(**NOTHING | {"schedules": schedules, "identities": ("other.example.eu",)}))
    apply(everything(**NOTHING))
    past = installation.get().provisioning["past"]
    assert len(past) <= 3
    assert all(item["schedules"] == [] for item in past)

    bucket = f"{installation.get().configuration_set_prefix}-files-{constants.ACCOUNT_ID}"
    s3 = sandbox.client("s3")
    s3.delete_bucket_policy(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"a")
    told = destroy(provisioning.wanted())
    assert f"kept S3 bucket {bucket}: holds files: empty it first, old versions too" in told
    assert installation.get().provisioning["past"]
    for version in s3.list_object_versions(Bucket=bucket)["Versions"]:
        s3.delete_object(Bucket=bucket, Key="a", VersionId=version["VersionId"])
    destroy(provisioning.wanted({"without": frozenset({"buckets"})}))
    assert inventory(sandbox) == before
    assert installation.get().provisioning == {}


def test_the_policy_for_setting_up_reaches_what_earlier_choices_made(sandbox: RunningSandbox) -> None:
    apply(everything(without=frozenset({"subscription"})))
    none = everything(**NOTHING)

    def actions() -> set[str]:
        statements = provisioning.policies(none)["setup"]["Statement"]
        return {action for item in statements if item["Effect"] == "Allow" for action in item["Action"]}

    needed = {"cloudwatch:DeleteAlarms", "events:DeleteRule", "ses:DeleteDedicatedIpPool", "ses:DeleteTenant"}
    assert actions() >= needed
    apply(none)
    assert not actions() & needed
    assert "s3:DeleteBucket" in actions()
    destroy(none)


def test_a_storage_of_ones_own_leaves_the_buckets_out_and_nothing_else(settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = {"s3": "http://127.0.0.1:9"}
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = "id", "secret"
    # It may call its place as it likes.
    settings.AWS_REGION, settings.S3_REGION, settings.S3_BUCKET = "eu-central-1", "here", "uploads"
    installation.update(actor=None, provisioning={"without": []})
    session._client.cache_clear()
    with mock_aws():
        kinds = {item.kind for item in provisioning.resources(provisioning.wanted())}
        assert "S3 bucket" not in kinds
        assert kinds >= {"configuration set", "SNS topic", "SQS queue", "CloudWatch alarm"}
        (note,) = provisioning.notes()
        assert "AWS_ENDPOINT_URL_S3 names a storage of your own" in note
        assert "s3:CreateBucket" not in str(provisioning.policies(provisioning.wanted())["setup"])
        assert figures.report()
        amazon = Amazon(installation.aws_connection(), buckets_region="here")
        assert amazon.look("sesv2", "get_configuration_set", ConfigurationSetName="any") is None
        assert amazon.look("sqs", "get_queue_url", QueueName="any") is None
    session._client.cache_clear()


@contextmanager
def cut_off_after(operation: str) -> Iterator[None]:
    """Let Amazon carry an operation out, and its answer be lost."""

    def lost(http_response: Any, parsed: Any, **_: Any) -> None:
        http_response.status_code = 500
        parsed["Error"] = {"Code": "Injected", "Message": ""}

    connection = installation.aws_connection()
    with_hooks = [session.client(connection, service).meta.events for service in ("sesv2", "events")]
    for events in with_hooks:
        events.register_last(f"after-call.*.{operation}", lost)
    try:
        yield
    finally:
        for events in with_hooks:
            events.unregister(f"after-call.*.{operation}", lost)


def test_a_site_listens_to_what_a_template_made_once_it_was_applied(sandbox: RunningSandbox) -> None:
    """A template cannot change the account, nor write down for the site which topics it may believe."""
    want = everything()
    sandbox.client("sesv2").put_account_suppression_attributes(SuppressedReasons=[])
    create_stack(sandbox, template(provisioning.resources(want), sandbox.region))
    assert installation.get().topic_arns == []
    told = apply(want)
    made = {what for what in told if not what.startswith(("existed", "pending"))}
    assert made <= {
        "changed SES account suppression: SuppressedReasons",
        *(f"created SNS subscription {topic} {want.endpoint}" for topic in installation.get().topic_arns),
    }
    assert "changed SES account suppression: SuppressedReasons" in made
    assert len(installation.get().topic_arns) == 2
    assert provisioning.differences() == []

    stack = {kind: items for kind, items in inventory(sandbox).items() if kind != "dashboards"}
    told = destroy(want)
    assert [what for what in told if what.startswith("removed")] == [
        f"removed CloudWatch dashboard {want.prefix}"
    ]
    left = inventory(sandbox)
    assert {kind: left[kind] for kind in stack} == stack
