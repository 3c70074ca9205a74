import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from mailplatform.aws import steps


def test_a_refusal_names_operation_code_and_reason() -> None:
    answer = {"Error": {"Code": "AccessDenied", "Message": "not allowed"}}
    words = "Amazon refused CreateTopic: AccessDenied: not allowed"
    with pytest.raises(steps.AwsCallError, match=words), steps.plain_errors():
        raise ClientError(answer, "CreateTopic")  # type: ignore[arg-type]  # what SNS really sends


def test_silence_is_told_apart_from_a_refusal() -> None:
    with pytest.raises(steps.AwsCallError, match="Amazon did not answer"), steps.plain_errors():
        raise EndpointConnectionError(endpoint_url="http://127.0.0.1:9")


def test_other_errors_pass() -> None:
    with pytest.raises(ZeroDivisionError), steps.plain_errors():
        raise ZeroDivisionError
