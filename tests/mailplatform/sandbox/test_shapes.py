"""Routes and rules come from botocore's model."""

from typing import Any

import pytest

from mailplatform.sandbox.errors import ApiError
from mailplatform.sandbox.shapes import Operation, ServiceModel
from mailplatform.sandbox.wire import Request

MODEL = ServiceModel("sesv2")


@pytest.mark.parametrize("operation", MODEL.operations, ids=lambda operation: operation.name)
def test_every_operation_is_found_at_its_own_path(operation: Operation) -> None:
    path = MODEL.model["operations"][operation.name]["http"]["requestUri"]
    for name in operation.names:
        path = path.replace(f"{{{name}}}", "a%40b.example")
    found = MODEL.match(operation.method, path)
    assert found is not None
    assert found[0].name == operation.name
    assert found[1] == dict.fromkeys(operation.names, "a@b.example")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/"), ("PATCH", "/v2/email/account"), ("GET", "/v2/email/no/such")]
)
def test_other_paths_are_no_operation(method: str, path: str) -> None:
    assert MODEL.match(method, path) is None


def bulk(**entry: Any) -> dict[str, Any]:
    return {"DefaultContent": {}, "BulkEmailEntries": [{"Destination": {}, **entry}]}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"DefaultContent": {}}, "Value null at 'BulkEmailEntries'"),
        (bulk(ReplacementHeaders=[{"Name": "A B", "Value": "x"}]), "regular expression pattern"),
        (bulk(ReplacementHeaders=[{"Name": "A:", "Value": "x"}]), "regular expression pattern"),
        (bulk(ReplacementHeaders=[{"Name": "A", "Value": "é"}]), "regular expression pattern"),
        (bulk(ReplacementHeaders=[{"Name": "A", "Value": "x" * 996}]), "less than or equal to 995"),
        (bulk(ReplacementHeaders=[{"Name": "A", "Value": "x"}] * 16), "less than or equal to 15"),
        (
            bulk(ReplacementTags=[{"Name": "run"}]),
            "'BulkEmailEntries.1.member.ReplacementTags.1.member.Value'",
        ),
    ],
)
def test_broken_rules_are_named(value: dict[str, Any], words: str) -> None:
    with pytest.raises(ApiError) as error:
        MODEL.validate("SendBulkEmailRequest", value)
    assert error.value.code == "BadRequestException"
    assert words in error.value.message


@pytest.mark.parametrize(
    "value", [{"DefaultContent": [], "BulkEmailEntries": []}, {"DefaultContent": {}, "BulkEmailEntries": {}}]
)
def test_a_wrong_type_is_a_serialization_error(value: dict[str, Any]) -> None:
    with pytest.raises(ApiError, match="SerializationException"):
        MODEL.validate("SendBulkEmailRequest", value)


def test_an_enum_lists_its_values() -> None:
    with pytest.raises(ApiError, match="BOUNCE, COMPLAINT"):
        MODEL.validate(
            "PutSuppressedDestinationRequest", {"EmailAddress": "a@b.example", "Reason": "UNSUBSCRIBE"}
        )


def test_blobs_are_decoded_and_unknown_members_dropped() -> None:
    value = {"Content": {"Raw": {"Data": "aGk="}}, "Surprise": 1}
    assert MODEL.validate("SendEmailRequest", value) == {"Content": {"Raw": {"Data": b"hi"}}}


def test_query_strings_are_typed() -> None:
    request = Request(
        "GET",
        "/",
        "/",
        "Reason=BOUNCE&Reason=COMPLAINT&PageSize=7&StartDate=2026-01-02T00%3A00%3A00Z",
        [],
        b"",
        "",
    )
    found = MODEL.match("GET", "/v2/email/suppression/addresses")
    assert found
    parsed = MODEL.parse(found[0], {}, request)
    assert parsed == {"Reasons": ["BOUNCE", "COMPLAINT"], "PageSize": 7, "StartDate": 1767312000.0}


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_refused(body: bytes) -> None:
    found = MODEL.match("POST", "/v2/email/identities")
    assert found
    with pytest.raises(ApiError, match="SerializationException"):
        MODEL.parse(found[0], {}, Request("POST", "/", "/", "", [], body, ""))
