"""The policies grant what the code calls, no more and no less: set-up by recording, the site by reading its code."""

import ast
import json
import uuid
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from mailplatform.aws.provision import policies
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.aws import Account, account, everything

AWS = Path(policies.__file__).parent.parent
PREFIX = {"sesv2": "ses", "cloudwatch": "cloudwatch"}
# Where the action has another name than the operation.
NAMES = {
    "s3:DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
}
# Asked for besides, because tags are given as the thing is made.
WITH_TAGS = {
    "ses:TagResource",
    "sns:TagResource",
    "sqs:TagQueue",
    "cloudwatch:TagResource",
    "events:TagResource",
}
# Everybody may ask who he is.
FREE = {"sts:GetCallerIdentity"}
# What django-storages does with files, and what the client that sends does without botocore.
FILES = {"s3:DeleteObject", "s3:GetObject", "s3:PutObject", "s3:PutObjectRetention"}
SENDING = {"ses:SendBulkEmail", "ses:SendEmail"}


def documents(made: Account) -> dict[str, Any]:
    amazon = made.amazon
    return policies.documents(made.want, amazon.arn, amazon.account_id, amazon.region)


def granted(document: dict[str, Any]) -> set[str]:
    allowed = [item for item in document["Statement"] if item["Effect"] == "Allow"]
    return {action for item in allowed for action in item["Action"]}


def action_of(service: str, operation: str) -> str:
    name = f"{PREFIX.get(service, service)}:{operation}"
    return NAMES.get(name, name)


# Several services have an operation of this name: recorded, not read.
TAGS = {
    "ses:ListTagsForResource",
    "sns:ListTagsForResource",
    "cloudwatch:ListTagsForResource",
    "events:ListTagsForResource",
}
SERVICES = ("s3", "sqs", "sns", "sesv2", "cloudwatch", "sts")


def called_in(files: list[Path], *services: str) -> set[str]:
    """The operations that the code names: as methods of a client, or as the name that is given to `call`."""
    session = botocore.session.get_session()
    known: dict[str, tuple[str, str]] = {}
    for service in services:
        for operation in session.get_service_model(service).operation_names:
            known[xform_name(operation)] = (service, operation)
    names: set[str] = set()
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return {action_of(*known[name]) for name in names & known.keys()}


@pytest.fixture(scope="module")
def recorded(shared_sandbox: RunningSandbox) -> Account:
    """An account that was made, changed in every way that can differ, and removed."""
    shared_sandbox.reset()
    made = account(shared_sandbox, everything(f"t{uuid.uuid4().hex[:8]}"))
    made.apply()
    return made


def test_setting_up_is_granted_all_that_it_calls_and_nothing_else(recorded: Account) -> None:
    """From the code, so that also calls count that only a changed account needs."""
    written = called_in(sorted((AWS / "provision").glob("*.py")), *SERVICES, "events")
    # The service takes away other sandboxes' subscriptions; identities and account are read beside.
    written |= {"ses:ListEmailIdentities", "ses:GetAccount", "sns:Unsubscribe"} | WITH_TAGS | TAGS
    assert granted(documents(recorded)["setup"]) == written - FREE


def test_what_was_called_is_granted(recorded: Account) -> None:
    recorded.destroy()
    seen = {action_of(service, operation) for service, operation in recorded.calls.made}
    assert len(seen) > 50
    assert seen - FREE <= granted(documents(recorded)["setup"])
    assert seen >= TAGS


def test_the_site_is_granted_all_that_it_calls_and_nothing_else(recorded: Account) -> None:
    written = called_in(sorted(AWS.glob("*.py")), *SERVICES)
    assert granted(documents(recorded)["runtime"]) == (written | FILES | SENDING) - FREE


def test_the_site_cannot_make_or_remove_resources(recorded: Account) -> None:
    """What it makes and removes is its own: templates, files, suppressed addresses, messages that it read."""
    runtime = granted(documents(recorded)["runtime"])
    changing = {action for action in runtime if action.split(":")[1].startswith(("Create", "Delete", "Put"))}
    assert changing == {
        "cloudwatch:PutMetricData",
        "s3:DeleteObject",
        "s3:PutObject",
        "s3:PutObjectRetention",
        "ses:CreateEmailTemplate",
        "ses:DeleteEmailTemplate",
        "ses:DeleteSuppressedDestination",
        "ses:PutSuppressedDestination",
        "sqs:DeleteMessage",
    }


def test_resources_are_ours_by_name(recorded: Account) -> None:
    prefix = recorded.want.prefix
    for document in documents(recorded).values():
        for statement in document["Statement"]:
            if statement["Effect"] == "Allow" and statement["Resource"] != "*":
                for arn in statement["Resource"]:
                    assert prefix in arn or arn.endswith((":template/mp-*", ":tenant/*"))


def test_another_region_is_denied_and_the_size_is_allowed(recorded: Account) -> None:
    """A managed policy has at most 6,144 characters, white space aside."""
    for document in documents(recorded).values():
        assert document["Statement"][-1]["Condition"] == {
            "StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}
        }
        assert len(json.dumps(document, separators=(",", ":"))) < 6144


def test_parts_that_are_not_wanted_are_not_granted(recorded: Account) -> None:
    amazon = recorded.amazon
    want = everything(
        "small", tenant="", ip_pool="", schedules=(), without=frozenset({"buckets", "monitoring"})
    )
    found = granted(policies.documents(want, amazon.arn, amazon.account_id, amazon.region)["setup"])
    assert not {action for action in found if action.startswith(("s3:", "events:", "cloudwatch:"))}
    assert not {action for action in found if "Tenant" in action or "Pool" in action}
