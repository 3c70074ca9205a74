"""Calls to Amazon as botocore's edge sees them: what was called with which parameters, and what IAM and the model say.

`tests.conftest` listens to every client of the process, so that nothing our code calls goes unseen.
"""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from botocore import handlers
from botocore.model import ListShape, MapShape, Shape, StructureShape

from mailplatform.aws.provision import policies

from .aws import everything

ROOT: Final = Path(__file__).parents[2]
# Not the site: a stand-in for Amazon, trials against it, and tests.
_BESIDE: Final = (
    "tests/",
    "mailplatform/sandbox/",
    "mailplatform/management/demo/",
    "mailplatform/management/chaos",
)
# Whose IAM prefix differs from boto3's name of the service.
_PREFIXES: Final = {"sesv2": "ses"}
# Operations whose action has another name, by the service authorization reference. What everybody may is `None`.
# https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
_ACTIONS: Final[dict[str, str | None]] = {
    "s3:CompleteMultipartUpload": "s3:PutObject",
    "s3:CreateMultipartUpload": "s3:PutObject",
    "s3:GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "s3:GetObjectLockConfiguration": "s3:GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "s3:HeadBucket": "s3:ListBucket",
    "s3:HeadObject": "s3:GetObject",
    "s3:ListObjects": "s3:ListBucket",
    "s3:ListObjectsV2": "s3:ListBucket",
    "s3:PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "s3:PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "s3:PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
    "s3:PutPublicAccessBlock": "s3:PutBucketPublicAccessBlock",
    "s3:UploadPart": "s3:PutObject",
    "sts:GetCallerIdentity": None,
}
# What a parameter asks for besides.
_BY_PARAMETER: Final = {
    ("sesv2", "Tags"): "ses:TagResource",
    ("sns", "Tags"): "sns:TagResource",
    ("sqs", "tags"): "sqs:TagQueue",
    ("cloudwatch", "Tags"): "cloudwatch:TagResource",
    ("events", "Tags"): "events:TagResource",
    ("s3", "ObjectLockMode"): "s3:PutObjectRetention",
}


class Call(NamedTuple):
    """One call; `service` is boto3's name, `ours` whether the site's own code made it."""

    service: str
    operation: str
    parameters: dict[str, Any]
    shape: Shape | None
    ours: bool = True

    @property
    def actions(self) -> frozenset[str]:
        """What a policy has to allow for it."""
        name = f"{_PREFIXES.get(self.service, self.service)}:{self.operation}"
        found = {_ACTIONS.get(name, name)}
        if "Raw" in self.parameters.get("Content", ()):
            # SES wants this action for SendEmail with a finished message (django-anymail issue 384, nodemailer 1734).
            found = {"ses:SendRawEmail"}
        found |= {
            action
            for (service, key), action in _BY_PARAMETER.items()
            if service == self.service and key in self.parameters
        }
        return frozenset(action for action in found if action)

    @property
    def faults(self) -> list[str]:
        """What Amazon's own description of the operation forbids and botocore does not look at."""
        return [] if self.shape is None else list(broken_rules(self.shape, self.parameters, self.operation))


_listening: list[list[Call]] = []
_asked: set[str] = set()


@contextmanager
def recorded() -> Iterator[list[Call]]:
    """Give a list that holds every call made until the block ends, also by tests themselves."""
    calls: list[Call] = []
    _listening.append(calls)
    try:
        yield calls
    finally:
        # By identity: lists of equal calls are equal.
        _listening[:] = [each for each in _listening if each is not calls]


@contextmanager
def recorded_actions() -> Iterator[set[str]]:
    """Give the set of actions that the site's own calls asked for until the block ends."""
    _asked.clear()
    yield _asked


def granted(document: dict[str, Any]) -> set[str]:
    """Return the actions that a policy allows."""
    allowed = [item for item in document["Statement"] if item["Effect"] == "Allow"]
    return {action for item in allowed for action in item["Action"]}


def granted_to_anybody() -> set[str]:
    """Return what both policies together allow where everything is wanted."""
    printed = policies.documents(
        everything("any"), lambda service, name: f"arn:aws:{service}:x:1:{name}", "1", "x"
    )
    return {action for document in printed.values() for action in granted(document)}


def listen() -> None:
    """Hear every call of clients that are made from now on in this process."""
    handlers.BUILTIN_HANDLERS.append(("provide-client-params", _heard))


def _heard(params: dict[str, Any], model: Any, **_: Any) -> None:
    call = Call(model.service_model.service_name, model.name, params, model.input_shape, _is_ours())
    if call.ours:
        _asked.update(call.actions)
    for calls in _listening:
        calls.append(call)


def _is_ours() -> bool:
    """Whether the nearest file of this repository on the stack is the site's.

    Its storage and the threads that boto3 makes for large files count as such.
    """
    frame: Any = sys._getframe(2)
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if "storages" in path.parts:
            return True
        if path.is_relative_to(ROOT) and ".venv" not in path.parts:
            return not str(path.relative_to(ROOT)).startswith(_BESIDE)
        frame = frame.f_back
    return True


def broken_rules(shape: Any, value: Any, where: str) -> Iterator[str]:
    """Yield every length, range, pattern and enumeration of the service model that a value breaks."""
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            yield from broken_rules(shape.members[name], item, f"{where}.{name}")
    elif isinstance(shape, MapShape):
        for item in value.values():
            yield from broken_rules(shape.value, item, f"{where}.value")
    elif isinstance(shape, ListShape):
        for item in value:
            yield from broken_rules(shape.member, item, f"{where}[]")
    yield from _broken_here(shape.metadata, value, where)


def _broken_here(rules: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    size = value if isinstance(value, int | float) else len(value) if hasattr(value, "__len__") else None
    if size is not None and not rules.get("min", size) <= size <= rules.get("max", size):
        yield f"{where} is {size}, not {rules.get('min')} to {rules.get('max')}"
    if isinstance(value, str) and rules.get("enum") and value not in rules["enum"]:
        yield f"{where} is {value!r}, none of {rules['enum']}"
    if isinstance(value, str) and "pattern" in rules and not re.fullmatch(rules["pattern"], value):
        yield f"{where} is {value!r}, not {rules['pattern']}"
