"""Plan, apply and destroy of a whole account against the sandbox, over HTTP."""

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from mailplatform.aws import session
from mailplatform.aws.configuration_sets import ALWAYS, TRACKED
from mailplatform.aws.provision import engine
from mailplatform.aws.provision.engine import Ending
from mailplatform.aws.provision.kinds import all_kinds
from mailplatform.aws.provision.model import Action, Fixed
from mailplatform.aws.session import AwsConfigurationError
from mailplatform.aws.steps import AwsCallError, Outcome
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.aws import Account, account, confirming_site, everything, inventory


@pytest.fixture(scope="module")
def sandbox(shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.reset()
    return shared_sandbox


def new_account(sandbox: RunningSandbox, **changes: Any) -> Account:
    return account(sandbox, everything(f"t{uuid.uuid4().hex[:8]}", **changes))


@pytest.fixture(scope="module")
def made(sandbox: RunningSandbox) -> Iterator[Account]:
    """An account that was applied to once, a site's subscription too. Tests that change it put it right by apply."""
    with confirming_site(sandbox) as url:
        found = new_account(sandbox, endpoint=url)
        found.apply()
        yield found
        found.destroy()


@pytest.fixture
def confirming(sandbox: RunningSandbox) -> Iterator[str]:
    """The address of a site that confirms what it is asked for."""
    with confirming_site(sandbox) as url:
        yield url


def test_a_plan_names_everything_and_changes_nothing(sandbox: RunningSandbox) -> None:
    fresh = new_account(sandbox)
    steps = fresh.plan()
    assert {step.action for step in steps if step.resource.kind != "SES account"} == {Action.CREATE}
    assert len({step.resource.key for step in steps}) == len(steps)
    assert fresh.calls.changes == []


def test_the_second_apply_changes_nothing(made: Account) -> None:
    made.calls.made.clear()
    reported = made.apply()
    assert made.calls.changes == []
    assert {outcome for outcome, _ in reported} == {Outcome.EXISTED}
    assert all(step.action is Action.KEEP for step in made.plan())


def test_destroy_leaves_nothing_touches_nothing_else_and_may_be_repeated(sandbox: RunningSandbox) -> None:
    """Held against all that the account lists, beside neighbours whose names begin like ours."""
    fresh = new_account(sandbox)
    neighbour = account(sandbox, everything(f"{fresh.want.prefix}-2"))
    neighbour.apply()
    before = inventory(sandbox)
    fresh.apply()
    during = inventory(sandbox)
    assert {kind for kind in before if during[kind] != before[kind]} == before.keys()
    told = fresh.destroy()
    assert inventory(sandbox) == before
    neighbour.destroy()
    assert [what for ending, what in told if ending is Ending.KEPT] == [
        "SES account suppression: is a setting of the whole account"
    ]
    assert {step.action for step in fresh.plan() if step.resource.kind != "SES account"} == {Action.CREATE}
    fresh.calls.made.clear()
    fresh.destroy()
    assert fresh.calls.changes == []


def test_what_others_made_is_used_and_never_removed(sandbox: RunningSandbox) -> None:
    fresh = new_account(sandbox, tenant="", ip_pool="", tracking_domain="", schedules=())
    prefix = fresh.want.prefix
    ses, sns, sqs = (sandbox.client(name) for name in ("sesv2", "sns", "sqs"))
    ses.create_email_identity(EmailIdentity=f"{prefix}.example.eu")
    ses.create_configuration_set(ConfigurationSetName=f"{prefix}-none")
    ses.create_configuration_set(ConfigurationSetName=f"{prefix}-theirs")
    sns.create_topic(Name=f"{prefix}-ses-events")
    sqs.create_queue(QueueName=f"{prefix}-ses-events-dead")
    fresh.apply()
    kept = {what.split(":")[0] for ending, what in fresh.destroy() if ending is Ending.KEPT}
    assert kept == {
        "SES account suppression",
        f"sending identity {prefix}.example.eu",
        f"configuration set {prefix}-none",
        f"SNS topic {prefix}-ses-events",
        f"SQS queue {prefix}-ses-events-dead",
    }
    assert set(ses.list_configuration_sets(PageSize=1000)["ConfigurationSets"]) >= {
        f"{prefix}-none",
        f"{prefix}-theirs",
    }


def test_a_queue_with_events_and_a_bucket_with_files_stay(sandbox: RunningSandbox) -> None:
    fresh = new_account(sandbox, tenant="", ip_pool="", tracking_domain="", schedules=())
    fresh.apply()
    prefix = fresh.want.prefix
    bucket = f"{prefix}-files-{constants.ACCOUNT_ID}"
    # moto takes "only over TLS" for "never".
    sandbox.client("s3").delete_bucket_policy(Bucket=bucket)
    sandbox.client("s3").put_object(Bucket=bucket, Key="a", Body=b"a")
    url = sandbox.client("sqs").get_queue_url(QueueName=f"{prefix}-ses-events-dead")["QueueUrl"]
    sandbox.client("sqs").send_message(QueueUrl=url, MessageBody="late")
    kept = [what for ending, what in fresh.destroy() if ending is Ending.KEPT]
    assert any("holds about 1 events: run `manage.py redrive` first" in what for what in kept)
    assert any(f"S3 bucket {bucket}: holds files" in what for what in kept)


def test_what_somebody_changed_is_mended(sandbox: RunningSandbox, made: Account) -> None:
    prefix, ses = made.want.prefix, sandbox.client("sesv2")
    name = f"{prefix}-none"
    ses.put_configuration_set_delivery_options(ConfigurationSetName=name, TlsPolicy="OPTIONAL")
    ses.put_configuration_set_reputation_options(ConfigurationSetName=name, ReputationMetricsEnabled=False)
    ses.put_configuration_set_suppression_options(ConfigurationSetName=name, SuppressedReasons=["BOUNCE"])
    ses.put_configuration_set_vdm_options(
        ConfigurationSetName=name, VdmOptions={"DashboardOptions": {"EngagementMetrics": "ENABLED"}}
    )
    ses.put_email_identity_mail_from_attributes(EmailIdentity=f"{prefix}.example.eu", MailFromDomain="")
    bucket = f"{prefix}-files-{constants.ACCOUNT_ID}"
    sandbox.client("s3").delete_public_access_block(Bucket=bucket)
    sandbox.client("s3").put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    sandbox.client("events").remove_targets(Rule=f"{prefix}-weekly", Ids=["mailplatform"])
    changed = [what for outcome, what in made.apply() if outcome is Outcome.CHANGED]
    options = "EngagementMetrics, ReputationMetricsEnabled, SendingPoolName, SuppressedReasons, TlsPolicy"
    assert changed == [
        f"sending identity {prefix}.example.eu: MailFromDomain",
        f"configuration set {name}: {options}",
        f"S3 bucket {bucket}: PublicAccessBlock, Versioning",
        f"EventBridge rule {prefix}-weekly: Targets",
    ]
    assert all(step.action is Action.KEEP for step in made.plan())


def test_engagement_metrics_are_refused_as_a_set_is_made_and_where_a_set_does_not_say(
    sandbox: RunningSandbox, made: Account
) -> None:
    """Also beside an account that measures everybody, and without forgetting what else somebody chose there."""
    ses, prefix = sandbox.client("sesv2"), made.want.prefix
    sandbox.api.put("account", vdm_enabled=True)
    for tracking in TRACKED:
        answer = ses.get_configuration_set(ConfigurationSetName=f"{prefix}-{tracking}")
        assert answer["VdmOptions"]["DashboardOptions"] == {"EngagementMetrics": "DISABLED"}
    guardian = {"GuardianOptions": {"OptimizedSharedDelivery": "DISABLED"}}
    ses.put_configuration_set_vdm_options(ConfigurationSetName=f"{prefix}-none", VdmOptions=guardian)
    (step,) = [step for step in made.plan() if step.action is not Action.KEEP]
    assert step.changes == {"EngagementMetrics": (None, "DISABLED")}
    made.apply()
    answer = ses.get_configuration_set(ConfigurationSetName=f"{prefix}-none")
    assert answer["VdmOptions"] == {"DashboardOptions": {"EngagementMetrics": "DISABLED"}, **guardian}
    sandbox.api.put("account", vdm_enabled=False)


def test_the_set_that_measures_nothing_has_no_tracking_domain(sandbox: RunningSandbox, made: Account) -> None:
    ses, prefix = sandbox.client("sesv2"), made.want.prefix
    domain = made.want.tracking_domain
    ses.put_configuration_set_tracking_options(
        ConfigurationSetName=f"{prefix}-none", CustomRedirectDomain=domain, HttpsPolicy="REQUIRE"
    )
    (step,) = [step for step in made.plan() if step.action is not Action.KEEP]
    assert step.changes == {"CustomRedirectDomain": (domain, None)}
    made.apply()
    found = {
        tracking: ses.get_configuration_set(ConfigurationSetName=f"{prefix}-{tracking}").get(
            "TrackingOptions"
        )
        for tracking in TRACKED
    }
    assert {name for name, options in found.items() if (options or {}).get("CustomRedirectDomain")} == {
        "opens",
        "clicks",
        "both",
    }


def test_a_set_that_somebody_paused_stays_paused(sandbox: RunningSandbox, made: Account) -> None:
    ses, name = sandbox.client("sesv2"), f"{made.want.prefix}-clicks"
    ses.put_configuration_set_sending_options(ConfigurationSetName=name, SendingEnabled=False)
    made.apply()
    assert ses.get_configuration_set(ConfigurationSetName=name)["SendingOptions"]["SendingEnabled"] is False


def test_statements_and_tags_of_others_stay(sandbox: RunningSandbox, made: Account) -> None:
    topic = made.amazon.arn("sns", f"{made.want.prefix}-ses-events")
    theirs = {"Sid": "Theirs", "Effect": "Deny", "Principal": "*", "Action": "sns:Subscribe", "Resource": "*"}
    sandbox.client("sns").set_topic_attributes(
        TopicArn=topic,
        AttributeName="Policy",
        AttributeValue=json.dumps({"Version": "2012-10-17", "Statement": [theirs]}),
    )
    made.apply()
    policy = sandbox.client("sns").get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"]
    assert [item["Sid"] for item in json.loads(policy)["Statement"]] == ["Theirs", "MailplatformSesEvents"]


@pytest.mark.parametrize("tracking", TRACKED)
def test_no_destination_of_a_set_asks_for_more_than_it_may_track(
    sandbox: RunningSandbox, made: Account, tracking: str
) -> None:
    """Also the metrics: SES tracks what any destination of the set asks for."""
    answer = sandbox.client("sesv2").get_configuration_set_event_destinations(
        ConfigurationSetName=f"{made.want.prefix}-{tracking}"
    )
    found = answer["EventDestinations"]
    assert len(found) == 2
    for destination in found:
        assert set(destination["MatchingEventTypes"]) == ALWAYS | TRACKED[tracking]
        assert ("SnsDestination" in destination) != ("CloudWatchDestination" in destination)


def test_a_refusal_names_call_and_reason(sandbox: RunningSandbox) -> None:
    fresh = new_account(sandbox)
    fresh.calls.fails = lambda _, name: "before" if name == "CreateTopic" else ""
    with pytest.raises(AwsCallError, match="Amazon refused CreateTopic: Injected: refused"):
        fresh.apply()


@pytest.mark.parametrize("operation", ["PutBucketTagging"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_apply_that_was_cut_off_is_gone_on_with(made: Account, operation: str, when: str) -> None:
    """One place of many; all of them are tried in the drill."""
    part = [item for item in made.resources if item.kind in {"SQS queue", "S3 bucket", "EventBridge rule"}]
    work = engine.Provisioner(made.amazon)
    work.destroy(part, _ignore)
    made.calls.fails = lambda _, name: when if name == operation else ""
    with pytest.raises(AwsCallError, match="Injected"):
        work.apply(part, _ignore)
    made.calls.fails = lambda *_: ""
    work.apply(part, _ignore)
    assert {step.action for step in work.plan(part)} == {Action.KEEP}
    assert all(step.is_ours for step in work.plan(part))


@pytest.mark.drill
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_single_call_may_fail_once(sandbox: RunningSandbox, confirming: str, when: str) -> None:
    """Refused, or carried out with the answer lost: the next apply ends as if nothing had happened.

    Resources are made one after the other, so a call can only hurt its own: each is made anew for each of its calls.
    """
    fresh, tried, kinds = new_account(sandbox, endpoint=confirming), 0, set()
    # Who we are is asked once, before anything is made; it may fail like any other reading.
    amazon, calls = fresh.amazon, fresh.calls
    assert amazon.account_id
    work = engine.Provisioner(amazon)
    for resource in fresh.resources:
        calls.made.clear()
        work.apply([resource], _ignore)
        # An address that has not confirmed cannot be unsubscribed, so it is not made anew.
        for number in range(1 if resource.properties.get("Protocol") == "email" else len(calls.made)):
            work.destroy([resource], _ignore)
            calls.made.clear()
            calls.fails = lambda count, _, number=number: when if count == number else ""  # type: ignore[misc]
            # How often it is asked whether a site has confirmed is up to chance.
            chance = resource.properties.get("Protocol") == "http"
            with suppress(AwsCallError) if chance else pytest.raises(AwsCallError, match="Injected"):
                work.apply([resource], _ignore)
            calls.fails = lambda *_: ""
            work.apply([resource], _ignore)
            (step,) = work.plan([resource])
            assert step.action is Action.KEEP, (resource.key, number)
            assert step.is_ours, (resource.key, number)
            tried += 1
            kinds.add(resource.kind)
    assert tried > 90
    assert kinds == all_kinds().keys()
    fresh.destroy()
    assert {step.action for step in fresh.plan() if step.resource.kind != "SES account"} == {Action.CREATE}


@pytest.mark.drill
@pytest.mark.parametrize("when", ["before", "after"])
def test_every_single_call_of_a_destroy_may_fail_once(
    sandbox: RunningSandbox, confirming: str, when: str
) -> None:
    """Refused, or carried out with the answer lost: the next destroy ends as if nothing had happened."""
    fresh, tried, kinds = new_account(sandbox, endpoint=confirming), 0, set()
    amazon, calls, before = fresh.amazon, fresh.calls, inventory(sandbox)
    assert amazon.account_id
    work = engine.Provisioner(amazon)
    resources = fresh.resources
    work.apply(resources, _ignore)
    for resource in reversed(resources):
        number = 0
        while True:
            calls.made.clear()
            calls.fails = lambda count, _, number=number: when if count == number else ""  # type: ignore[misc]
            try:
                work.destroy([resource], _ignore)
            except AwsCallError:
                tried, number = tried + 1, number + 1
                kinds.add(resource.kind)
            else:
                break
        calls.fails = lambda *_: ""
    assert tried > 60
    assert kinds == all_kinds().keys()
    assert inventory(sandbox) == before
    told = fresh.destroy()
    assert {ending for ending, _ in told} == {Ending.ABSENT, Ending.KEPT}


def _ignore(*_: Any) -> None:
    return


def test_buckets_may_be_in_a_region_of_their_own(sandbox: RunningSandbox) -> None:
    """Made there, or there before; and one that is neither cannot be moved."""
    changes: dict[str, Any] = {"tenant": "", "ip_pool": "", "tracking_domain": "", "schedules": ()}
    fresh = new_account(sandbox, **changes, without=frozenset({"monitoring"}), buckets_region="eu-west-1")
    name = f"{fresh.want.prefix}-files-{constants.ACCOUNT_ID}"
    place = {"CreateBucketConfiguration": {"LocationConstraint": "eu-west-1"}}
    session.client(replace(fresh.connection, region="eu-west-1"), "s3").create_bucket(Bucket=name, **place)
    fresh.apply()
    assert all(step.action is Action.KEEP for step in fresh.plan())
    for purpose in ("files", "ledger"):
        bucket = f"{fresh.want.prefix}-{purpose}-{constants.ACCOUNT_ID}"
        assert sandbox.client("s3").head_bucket(Bucket=bucket)["BucketRegion"] == "eu-west-1"
    fresh.want = replace(fresh.want, buckets_region="eu-west-3")
    with pytest.raises(Fixed, match=rf"bucket {name} is not in eu-west-3, .* set S3_REGION to where it is"):
        fresh.apply()
    fresh.destroy()


def test_what_a_stack_made_is_left_to_it(sandbox: RunningSandbox) -> None:
    """As CloudFormation makes it from the template: with our tag, and with one that says by whom."""
    fresh = new_account(sandbox, tenant="", ip_pool="", without=frozenset({"buckets", "monitoring"}))
    prefix = fresh.want.prefix
    ses, sns, sqs, events = (sandbox.client(name) for name in ("sesv2", "sns", "sqs", "events"))
    ours, stack = {"Key": "mailplatform", "Value": prefix}, {"Key": "mailplatform-made-by", "Value": "x"}
    ses.create_email_identity(EmailIdentity=f"{prefix}.example.eu", Tags=[ours, stack])
    for tracking in TRACKED:
        ses.create_configuration_set(ConfigurationSetName=f"{prefix}-{tracking}", Tags=[ours, stack])
    sns.create_topic(Name=f"{prefix}-ses-events", Tags=[ours, stack])
    # Amazon's own tag says it as well.
    by_amazon = {"mailplatform": prefix, "aws:cloudformation:stack-name": "mail"}
    sqs.create_queue(QueueName=f"{prefix}-ses-events-dead", tags=by_amazon)
    events.put_rule(Name=f"{prefix}-weekly", ScheduleExpression="rate(1 day)", Tags=[ours, stack])
    fresh.apply()
    kept = {what for ending, what in fresh.destroy() if ending is Ending.KEPT}
    assert {what for what in kept if what.endswith("goes with its CloudFormation stack")} == {
        f"event destination {prefix}-{tracking}/mailplatform-events: goes with its CloudFormation stack"
        for tracking in TRACKED
    }
    assert len(kept) == 1 + 1 + 4 + 4 + 1 + 1 + 1
    assert {step.resource.key for step in fresh.plan() if step.action is Action.CREATE} == {
        f"SNS topic {prefix}-triggers"
    }


def test_the_region_is_guarded(sandbox: RunningSandbox) -> None:
    fresh = new_account(sandbox)
    fresh.connection = replace(fresh.connection, region="us-east-1")
    with pytest.raises(AwsConfigurationError, match="not an Amazon Region in the European Economic Area"):
        fresh.plan()
    assert fresh.calls.made == []


def test_a_service_without_a_stand_in_is_never_asked(sandbox: RunningSandbox) -> None:
    fresh = new_account(sandbox)
    urls = {name: url for name, url in fresh.connection.endpoint_urls.items() if name != "s3"}
    fresh.connection = replace(fresh.connection, endpoint_urls=urls)
    with pytest.raises(AwsConfigurationError, match="AWS_ENDPOINT_URL_S3 is not set"):
        fresh.plan()
