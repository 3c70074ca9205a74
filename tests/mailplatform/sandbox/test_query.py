"""The Query protocol, checked against botocore's own serialiser and parser."""

from typing import Any

import pytest
from botocore import parsers, serialize
from botocore.session import get_session

from mailplatform.sandbox import query
from mailplatform.sandbox.errors import ApiError
from mailplatform.sandbox.shapes import ServiceModel

MODEL = ServiceModel("sns")
ORACLE = get_session().get_service_model("sns")


@pytest.mark.parametrize(
    ("action", "params"),
    [
        (
            "CreateTopic",
            {"Name": "t", "Attributes": {"A": "1", "B": "&<é"}, "Tags": [{"Key": "k", "Value": "v"}]},
        ),
        (
            "Subscribe",
            {"TopicArn": "t", "Protocol": "http", "Endpoint": "http://x", "ReturnSubscriptionArn": True},
        ),
        ("UntagResource", {"ResourceArn": "t", "TagKeys": ["a", "b"]}),
        ("ListTopics", {}),
    ],
)
def test_input_is_read_as_botocore_writes_it(action: str, params: dict[str, Any]) -> None:
    written = serialize.create_serializer("query").serialize_to_request(
        params, ORACLE.operation_model(action)
    )
    form = {key: str(value) for key, value in written["body"].items()}
    assert query.parse_input(MODEL, action, form) == params


@pytest.mark.parametrize(
    ("action", "output"),
    [
        ("GetTopicAttributes", {"Attributes": {"Policy": '{"a": "<&>"}', "Owner": "1"}}),
        ("ListTopics", {"Topics": [{"TopicArn": "a"}, {"TopicArn": "b"}], "NextToken": "2"}),
        ("Publish", {"MessageId": "m"}),
    ],
)
def test_output_is_written_as_botocore_reads_it(action: str, output: dict[str, Any]) -> None:
    response = {"status_code": 200, "headers": {}, "body": query.render(MODEL, action, output, "request")}
    shape = ORACLE.operation_model(action).output_shape
    assert shape
    parsed = parsers.create_parser("query").parse(response, shape)
    assert parsed.pop("ResponseMetadata")["RequestId"] == "request"
    assert parsed == output


def test_a_missing_parameter_is_refused() -> None:
    with pytest.raises(ApiError, match="TopicArn"):
        query.parse_input(MODEL, "Subscribe", {"Protocol": "http"})


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(ApiError, match="InvalidAction"):
        query.parse_input(MODEL, "Explode", {})
