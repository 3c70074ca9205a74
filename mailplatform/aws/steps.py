"""What provisioning did, step by step, and what went wrong, in words for the person at the terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum

from botocore.exceptions import BotoCoreError, ClientError


class Outcome(StrEnum):
    """What a step found or did. PENDING waits for somebody else, usually for DNS."""

    EXISTED = "existed"
    CREATED = "created"
    CHANGED = "changed"
    REMOVED = "removed"
    PENDING = "pending"


Report = Callable[[Outcome, str], None]


class AwsCallError(Exception):
    """AWS refused a call or did not answer; the message names call and reason."""


class NoAnswerError(AwsCallError):
    """AWS did not answer: whatever else is asked now will not be answered either."""


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn botocore's errors into AwsCallError, so that callers need not know botocore."""
    try:
        yield
    except ClientError as error:
        found = error.response.get("Error", {})
        code, message = found.get("Code", "unknown error"), found.get("Message", "")
        raise AwsCallError(f"Amazon refused {error.operation_name}: {code}: {message}") from error
    except BotoCoreError as error:
        raise NoAnswerError(f"Amazon did not answer: {error}") from error
