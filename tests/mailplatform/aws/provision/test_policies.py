"""The policies grant what the code calls, no more and no less: recorded at botocore's edge and on our own wire.

Beside this, every call of every test is held against the policies (tests/conftest.py).
"""

import importlib
import inspect
import json
import pkgutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile

import mailplatform.aws
from mailplatform.aws import (
    buckets,
    checkup,
    errors,
    identity,
    own_metrics,
    ses,
    session,
    sns,
    sqs,
    storage,
    suppression,
    templates,
)
from mailplatform.aws.provision import policies
from mailplatform.aws.provision.kinds import all_kinds
from mailplatform.aws.session import Connection
from mailplatform.sandbox import constants
from mailplatform.sandbox.shapes import ServiceModel
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.aws import Account, account, confirming_site, everything
from tests.factories.aws_calls import Call, granted, recorded
from tests.factories.receiver import receiver

# Set by nobody after the thing is made.
FIXED: Final = {"Region", "Protocol"}


def documents(made: Account) -> dict[str, Any]:
    amazon = made.amazon
    return policies.documents(made.want, amazon.arn, amazon.account_id, amazon.region)


@pytest.fixture(scope="module")
def fresh(shared_sandbox: RunningSandbox) -> Account:
    shared_sandbox.reset()
    return account(shared_sandbox, everything(f"t{uuid.uuid4().hex[:8]}"))


@pytest.fixture(scope="module")
def setting_up(shared_sandbox: RunningSandbox, fresh: Account) -> list[Call]:
    """Every kind of resource made, changed in all that can be changed, read and removed; and what stands around it."""
    kinds, amazon = all_kinds(10.0), fresh.amazon
    with confirming_site(shared_sandbox) as url, recorded() as calls:
        resources = account(shared_sandbox, everything(fresh.want.prefix, endpoint=url)).resources
        assert {item.kind for item in resources} == kinds.keys()
        for item in resources:
            kinds[item.kind].create(amazon, item)
            kinds[item.kind].change(amazon, item, frozenset(item.properties) - FIXED)
            kinds[item.kind].read(amazon, item)
        identity.verified_identities(amazon.connection)
        identity.state(amazon.connection, fresh.want.identities[0])
        fresh.want = everything(fresh.want.prefix, endpoint=url)
        fresh.destroy()
    return [call for call in calls if call.ours]


def asked(calls: list[Call]) -> set[str]:
    return {action for call in calls for action in call.actions}


def test_setting_up_is_granted_all_that_it_calls_and_nothing_else(
    fresh: Account, setting_up: list[Call]
) -> None:
    assert granted(documents(fresh)["setup"]) == asked(setting_up)


class Site:
    """What the running site does at Amazon: each function of `mailplatform.aws` that takes a connection."""

    def __init__(self, sandbox: RunningSandbox) -> None:
        self.sandbox, self.name = sandbox, f"t{uuid.uuid4().hex[:8]}"
        self.connection = Connection(
            sandbox.region,
            constants.ACCESS_KEY,
            constants.SECRET_KEY,
            dict.fromkeys(("sesv2", "sns", "sqs", "s3", "sts", "cloudwatch", "events"), sandbox.url),
        )
        self.topic = sandbox.client("sns").create_topic(Name=self.name)["TopicArn"]
        self.queue = sandbox.client("sqs").create_queue(QueueName=self.name)["QueueUrl"]
        sandbox.client("s3").create_bucket(
            Bucket=self.name,
            ObjectLockEnabledForBucket=True,
            CreateBucketConfiguration={"LocationConstraint": sandbox.region},
        )
        sandbox.client("events").put_rule(Name=self.name, ScheduleExpression="rate(1 day)")
        client = sandbox.client("sesv2")
        client.create_email_identity(EmailIdentity="example.eu")
        client.create_configuration_set(ConfigurationSetName=f"{self.name}-none")
        client.create_tenant(TenantName=self.name)
        content = {"Subject": "s", "Text": "t"}
        client.create_email_template(TemplateName=f"{self.name}-kept", TemplateContent=content)

    def calls(self) -> Mapping[Callable[..., Any], Callable[[Connection], Any]]:
        """How each is called, in an order that works."""
        content = {"subject": "s", "html": "h", "text": "t"}
        expected = checkup.Expected(
            constants.ACCOUNT_ID,
            self.name,
            (self.topic,),
            "https://x.example",
            self.queue,
            "",
            {self.name: "rate(1 day)"},
        )
        return {
            session.account_id: session.account_id,
            ses.get_account: ses.get_account,
            identity.state: lambda to: identity.state(to, "example.eu"),
            templates.ensure_stored: lambda to: templates.ensure_stored(to, name=self.name, **content),
            templates.ensure_member: lambda to: templates.ensure_member(
                to, tenant=self.name, account_id=constants.ACCOUNT_ID, name=f"{self.name}-kept"
            ),
            templates.is_stored: lambda to: templates.is_stored(to, self.name),
            templates.test_render: lambda to: templates.test_render(to, self.name, {}),
            templates.remove: lambda to: templates.remove(to, self.name),
            suppression.put: lambda to: suppression.put(to, email="A@example.org", reason="BOUNCE"),
            suppression.listed: lambda to: list(suppression.listed(to)),
            suppression.find: lambda to: suppression.find(to, email="a@example.org"),
            suppression.remove: lambda to: suppression.remove(to, email="a@example.org"),
            suppression.delete: lambda to: suppression.delete(to, "a@example.org"),
            sns.subscriptions: lambda to: sns.subscriptions(to, self.topic),
            sns.confirm_subscription: self.confirm,
            sqs.waiting: lambda to: sqs.waiting(to, self.queue),
            sqs.receive: self.receive,
            sqs.delete: lambda to: sqs.delete(to, self.queue, self.receipt),
            own_metrics.put: lambda to: own_metrics.put(to, self.name, {"QueueDepth": 1.0}),
            buckets.examine: lambda to: buckets.examine(to, self.name, "S3_BUCKET"),
            checkup.examine: lambda to: list(checkup.examine(to, expected)),
            ses.BotoTransport: lambda to: self.send(ses.BotoTransport(to)),
            storage.LockedStorage: self.keep_files,
        }

    def confirm(self, to: Connection) -> None:
        with pytest.raises(sns.TokenRefused):
            sns.confirm_subscription(to, topic_arn=self.topic, token="wrong")

    def receive(self, to: Connection) -> None:
        self.sandbox.client("sqs").send_message(QueueUrl=self.queue, MessageBody="late")
        (message,) = sqs.receive(to, self.queue)
        self.receipt = message.receipt

    def send(self, transport: ses.Transport) -> None:
        for send, request in ((transport.bulk, BULK), (transport.single, SINGLE), (transport.single, RAW)):
            with suppress(errors.SesError):
                send(request)

    def keep_files(self, to: Connection) -> None:
        """All that the site does with files, and a large one whose upload breaks off."""
        store = storage.LockedStorage(
            bucket_name=self.name,
            region_name=to.region,
            endpoint_url=self.sandbox.url,
            access_key=to.access_key_id,
            secret_key=to.secret_access_key,
            file_overwrite=False,
        )
        name = store.save("a/b", ContentFile(b"x"))
        with store.open(name) as file:
            assert file.read() == b"x"
        assert store.exists(name)
        assert store.listdir("a") == ([], ["b"])
        store.delete(name)
        store.connection.meta.client.meta.events.register("before-call.s3.UploadPart", _refused)
        with pytest.raises(storage.STORAGE_ERRORS):
            store.save("large", ContentFile(bytes(9 * 1024**2)))


def _refused(**_: Any) -> Any:
    class Answer:
        status_code, headers = 400, dict[str, str]()

    return Answer(), {"Error": {"Code": "Injected", "Message": ""}, "ResponseMetadata": {}}


BULK: Final = {
    "FromEmailAddress": "=?utf-8?b?w4k=?= <news@example.eu>",
    "ConfigurationSetName": "mp-none",
    "DefaultContent": {"Template": {"TemplateName": "mp-1", "TemplateData": "{}"}},
    "BulkEmailEntries": [
        {
            "Destination": {"ToAddresses": ["ada@example.org"]},
            "ReplacementTags": [{"Name": "mp-sub", "Value": "7"}],
            "ReplacementHeaders": [{"Name": "List-Unsubscribe", "Value": "<https://example.eu/u/1>"}],
            "ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": "{}"}},
        }
    ],
}
_TO: Final = {"FromEmailAddress": "news@example.eu", "Destination": {"ToAddresses": ["ada@example.org"]}}
SINGLE: Final[dict[str, Any]] = {
    **_TO,
    "Content": {"Simple": {"Subject": {"Data": "s"}, "Body": {"Text": {"Data": "t"}}}},
}
RAW: Final[dict[str, Any]] = {**_TO, "Content": {"Raw": {"Data": b"Subject: s\r\n\r\nt"}}}
# What only hands out clients, keys and addresses, waits its turn, or is called by provisioning alone.
WITHOUT_CALLS: Final = {
    "boto3_session",
    "check_region",
    "client",
    "credentials",
    "endpoint_url",
    "wait_turn",
    "BulkSender",
    "FastTransport",
    "verified_identities",
}


@pytest.fixture(scope="module")
def site(shared_sandbox: RunningSandbox, setting_up: list[Call]) -> Site:
    """Made after the account was emptied."""
    return Site(shared_sandbox)


@pytest.fixture(scope="module")
def running(shared_sandbox: RunningSandbox, site: Site) -> Iterator[list[Call]]:
    with recorded() as calls:
        for call in site.calls().values():
            call(site.connection)
    yield [call for call in calls if call.ours]
    versions = shared_sandbox.client("s3").list_object_versions(Bucket=site.name)
    for item in [*versions.get("Versions", []), *versions.get("DeleteMarkers", [])]:
        with suppress(ClientError):
            shared_sandbox.client("s3").delete_object(
                Bucket=site.name, Key=item["Key"], VersionId=item["VersionId"], BypassGovernanceRetention=True
            )


def test_the_site_is_granted_all_that_it_calls_and_nothing_else(fresh: Account, running: list[Call]) -> None:
    assert granted(documents(fresh)["runtime"]) == asked(running)


def test_every_function_that_takes_a_connection_was_called(site: Site) -> None:
    called = {item.__name__ for item in site.calls()}
    known = set()
    for module in pkgutil.iter_modules(mailplatform.aws.__path__, "mailplatform.aws."):
        found = importlib.import_module(module.name)
        for name, item in vars(found).items():
            is_own = getattr(item, "__module__", "") == module.name and not name.startswith("_")
            is_error = isinstance(item, type) and issubclass(item, Exception)
            if is_own and callable(item) and not is_error:
                known |= {name} if "connection" in inspect.signature(item).parameters else set()
    assert known - WITHOUT_CALLS <= called
    assert called <= known | {"LockedStorage"}


def own_requests() -> list[Call]:
    """What the client that sends puts on the wire by itself, without botocore."""
    model, calls = ServiceModel("sesv2"), []
    with receiver() as amazon:
        transport = ses.FastTransport(
            Connection("eu-central-1", "key", "secret", {"sesv2": amazon.url.removesuffix("/hook")}),
            connections=1,
        )
        for send, request in ((transport.bulk, BULK), (transport.single, SINGLE), (transport.single, RAW)):
            with suppress(errors.SesError):
                send(request)
    for post in amazon.posts:
        assert "/eu-central-1/ses/aws4_request" in post.headers["authorization"]
        matched = model.match("POST", post.path)
        assert matched is not None
        # Raises where a length, a pattern or an enumeration of Amazon's description is broken.
        model.validate(matched[0].input, json.loads(post.body))
        calls.append(Call("sesv2", matched[0].name, json.loads(post.body), None))
    return calls


def test_what_is_signed_without_botocore_is_granted_and_as_the_model_says(
    fresh: Account, running: list[Call]
) -> None:
    """The same three requests went through boto3 as well, so neither transport asks for more than the other."""
    own = own_requests()
    assert [call.operation for call in own] == ["SendBulkEmail", "SendEmail", "SendEmail"]
    assert asked(own) == {"ses:SendBulkEmail", "ses:SendEmail", "ses:SendRawEmail"}
    assert asked(own) <= granted(documents(fresh)["runtime"])
    assert asked(own) <= asked(running)


def test_every_call_keeps_the_lengths_patterns_and_words_of_the_model(
    setting_up: list[Call], running: list[Call]
) -> None:
    """Botocore itself looks at names and types alone."""
    assert len({(call.service, call.operation) for call in [*setting_up, *running]}) > 70
    assert [fault for call in [*setting_up, *running] for fault in call.faults] == []


def test_a_broken_rule_of_the_model_is_seen(running: list[Call]) -> None:
    (bulk,) = [call for call in running if call.operation == "SendBulkEmail"]
    spoilt = {**BULK, "DefaultEmailTags": [{"Name": "a", "Value": "b"}], "TenantName": ""}
    (fault,) = bulk._replace(parameters=spoilt).faults
    assert fault.startswith("SendBulkEmail.TenantName is 0, not 1 to")


def test_the_site_cannot_make_or_remove_resources(fresh: Account) -> None:
    """What it makes and removes is its own: templates, the tenant's use of them, files, suppressions, messages."""
    runtime = granted(documents(fresh)["runtime"])
    changing = {action for action in runtime if action.split(":")[1].startswith(("Create", "Delete", "Put"))}
    assert changing == {
        "cloudwatch:PutMetricData",
        "s3:DeleteObject",
        "s3:PutObject",
        "s3:PutObjectRetention",
        "ses:CreateEmailTemplate",
        "ses:CreateTenantResourceAssociation",
        "ses:DeleteEmailTemplate",
        "ses:DeleteSuppressedDestination",
        "ses:PutSuppressedDestination",
        "sqs:DeleteMessage",
    }


def test_resources_are_ours_by_name(fresh: Account) -> None:
    prefix = fresh.want.prefix
    for document in documents(fresh).values():
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow" and statement["Resource"] != "*":
                for arn in statement["Resource"]:
                    assert prefix in arn or arn.endswith((":template/mp-*", ":tenant/*"))


def test_another_region_is_denied_and_the_size_is_allowed(fresh: Account) -> None:
    """A managed policy has at most 6,144 characters, white space aside."""
    for document in documents(fresh).values():
        assert document["Statement"][-1]["Condition"] == {
            "StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}
        }
        assert len(json.dumps(document, separators=(",", ":"))) < 6144


def test_the_site_may_confirm_with_the_keys_that_set_up(fresh: Account) -> None:
    """An apply waits for it, and the site has those keys meanwhile."""
    (confirming,) = (
        item for item in documents(fresh)["setup"]["Statement"] if "sns:ConfirmSubscription" in item["Action"]
    )
    prefix = fresh.want.prefix
    assert [arn.split(":")[-1] for arn in confirming["Resource"]] == [
        f"{prefix}-ses-events",
        f"{prefix}-triggers",
    ]


def test_the_region_of_the_buckets_is_allowed_for_them_alone(fresh: Account) -> None:
    amazon = fresh.amazon
    want = everything("any", buckets_region="eu-west-1")
    for document in policies.documents(want, amazon.arn, amazon.account_id, amazon.region).values():
        denied = {
            action: item["Condition"]["StringNotEquals"]["aws:RequestedRegion"]
            for item in document["Statement"]
            if item["Effect"] == "Deny"
            for action in item["Action"]
        }
        assert denied.pop("s3:*") == ["eu-west-1"]
        assert set(denied.values()) == {"eu-central-1"}
        assert denied.keys() == {"ses:*", "sns:*", "sqs:*", "cloudwatch:*", "events:*"}


def test_what_earlier_choices_made_is_granted_to_setting_up_alone(fresh: Account) -> None:
    amazon = fresh.amazon
    now = everything("any", tenant="", ip_pool="", schedules=(), without=frozenset({"buckets", "monitoring"}))
    before = everything("any", identities=("old.example.eu",), tracking_domain="", ip_pool="old")
    of = (amazon.arn, amazon.account_id, amazon.region)
    alone, both = policies.documents(now, *of), policies.documents(now, *of, [before])
    assert both["runtime"] == alone["runtime"]
    assert granted(both["setup"]) == granted(policies.documents(before, *of)["setup"])
    text = json.dumps(both["setup"])
    assert "identity/old.example.eu" in text
    assert "dedicated-ip-pool/old" in text


def test_parts_that_are_not_wanted_are_not_granted(fresh: Account) -> None:
    amazon = fresh.amazon
    want = everything(
        "small",
        tenant="",
        ip_pool="",
        schedules=(),
        without=frozenset({"buckets", "monitoring", "subscription"}),
    )
    found = granted(policies.documents(want, amazon.arn, amazon.account_id, amazon.region)["setup"])
    assert not {action for action in found if action.startswith(("s3:", "events:", "cloudwatch:"))}
    assert not {action for action in found if "Tenant" in action or "Pool" in action}
    assert "sns:ConfirmSubscription" not in found
