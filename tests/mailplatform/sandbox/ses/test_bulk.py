"""SendBulkEmail, through boto3."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.mailplatform.sandbox.support import Wired, entry


def test_answers_come_by_position(wired: Wired) -> None:
    results = wired.bulk(entry("a@example.org"), entry("nobody"), entry("b@example.org"))
    assert [item["Status"] for item in results] == ["SUCCESS", "INVALID_PARAMETER", "SUCCESS"]
    assert "MessageId" not in results[1]
    assert results[1]["Error"] == "Missing final '@domain'"
    mails = {mail["id"]: mail["to"] for mail in wired.sandbox.messages()}
    assert mails == {results[0]["MessageId"]: ["a@example.org"], results[2]["MessageId"]: ["b@example.org"]}


def test_each_entry_has_its_own_data_tags_and_headers(wired: Wired) -> None:
    wired.bulk(
        *[
            entry(
                f"{name}@example.org",
                {"name": name},
                ReplacementTags=[{"Name": "sub", "Value": name}],
                ReplacementHeaders=[{"Name": "List-Unsubscribe", "Value": f"<https://example.com/{name}>"}],
            )
            for name in ("ada", "bob")
        ],
        DefaultEmailTags=[{"Name": "run", "Value": "7"}, {"Name": "sub", "Value": "none"}],
    )
    for mail in wired.sandbox.messages():
        name = mail["to"][0].partition("@")[0]
        assert (mail["subject"], mail["text"]) == (f"Hi {name}", f"Hi {name}")
        assert mail["html"].startswith(f"<p>Hi {name}</p>")
        assert (mail["tags"]["run"], mail["tags"]["sub"]) == (["7"], [name])
        assert {"name": "List-Unsubscribe", "value": f"<https://example.com/{name}>"} in mail["headers"]
    for event in wired.events("Delivery"):
        assert event["mail"]["tags"]["sub"] == [event["mail"]["destination"][0].partition("@")[0]]


def test_headers_override_by_name_and_keep_their_order(wired: Wired) -> None:
    general = [{"Name": "X-A", "Value": "1"}, {"Name": "List-Unsubscribe", "Value": "<https://old>"}]
    own = [
        {"Name": "list-unsubscribe", "Value": "<https://new>"},
        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
        {"Name": "List-Id", "Value": "<x>"},
    ]
    wired.bulk(
        entry("a@example.org", ReplacementHeaders=own),
        DefaultContent={"Template": {"TemplateName": "t", "TemplateData": "{}", "Headers": general}},
    )
    shown = [(item["name"], item["value"]) for item in wired.sandbox.messages()[0]["headers"]]
    start = shown.index(("X-A", "1"))
    assert [name for name, _ in shown[start : start + 4]] == [
        "X-A",
        "list-unsubscribe",
        "List-Unsubscribe-Post",
        "List-Id",
    ]
    assert ("list-unsubscribe", "<https://new>") in shown


def test_empty_data_mean_the_defaults_and_other_data_replace_them_whole(wired: Wired) -> None:
    content = {"Template": {"TemplateName": "t", "TemplateData": '{"name": "you"}'}}
    wired.bulk(entry("a@example.org", {}), entry("b@example.org", {"x": 1}), DefaultContent=content)
    mails = {mail["to"][0]: mail for mail in wired.sandbox.messages()}
    assert mails["a@example.org"]["subject"] == "Hi you"
    assert mails["b@example.org"]["state"] == "rendering_failed"


def test_a_rendering_failure_carries_the_entrys_tags(wired: Wired) -> None:
    results = wired.bulk(entry("a@example.org", {"x": 1}, ReplacementTags=[{"Name": "sub", "Value": "9"}]))
    assert results[0]["Status"] == "SUCCESS"
    events = wired.events()
    assert [event["eventType"] for event in events] == ["Rendering Failure"]
    assert events[0]["mail"]["tags"]["sub"] == ["9"]
    assert events[0]["mail"]["messageId"] == results[0]["MessageId"]


@pytest.mark.parametrize("count", [0, 51])
def test_a_call_has_one_to_fifty_destinations(wired: Wired, count: int) -> None:
    with pytest.raises(ClientError, match="1 to 50"):
        wired.bulk(*[entry(f"a{number}@example.org") for number in range(count)])
    assert wired.sandbox.messages() == []


def test_fifty_pass(wired: Wired) -> None:
    results = wired.bulk(*[entry(f"a{number}@example.org") for number in range(50)])
    assert {item["Status"] for item in results} == {"SUCCESS"}
    assert len({item["MessageId"] for item in results}) == 50


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"FromEmailAddress": "a@other.example"}, "MessageRejected"),
        ({"ConfigurationSetName": "nope"}, "NotFoundException"),
        (
            {"DefaultContent": {"Template": {"TemplateName": "nope", "TemplateData": "{}"}}},
            "NotFoundException",
        ),
        ({"DefaultContent": {"Template": {"TemplateName": "t", "TemplateData": "{"}}}, "BadRequestException"),
        ({"DefaultContent": {"Template": {}}}, "BadRequestException"),
        ({"DefaultContent": {}}, "BadRequestException"),
        ({"DefaultEmailTags": [{"Name": "a b", "Value": "c"}]}, "BadRequestException"),
        ({"TenantName": "nope"}, "NotFoundException"),
    ],
)
def test_what_fails_the_whole_call(wired: Wired, options: dict[str, Any], code: str) -> None:
    with pytest.raises(ClientError) as error:
        wired.bulk(entry("a@example.org"), **options)
    assert error.value.response["Error"]["Code"] == code
    assert wired.sandbox.messages() == []


@pytest.mark.parametrize(
    "options",
    [
        {"ReplacementTags": [{"Name": "a b", "Value": "c"}]},
        {"ReplacementTags": [{"Name": "a", "Value": "c@d"}]},
        {"ReplacementHeaders": [{"Name": "From", "Value": "c"}]},
        {"Destination": {"ToAddresses": []}},
        {"ReplacementEmailContent": {"ReplacementTemplate": {"ReplacementTemplateData": "{"}}},
    ],
)
def test_what_fails_one_entry(wired: Wired, options: dict[str, Any]) -> None:
    results = wired.bulk({**entry("a@example.org"), **options}, entry("b@example.org"))
    assert [item["Status"] for item in results] == ["INVALID_PARAMETER", "SUCCESS"]


def test_the_model_rules_fail_the_call(wired: Wired) -> None:
    headers = [{"Name": "X-A", "Value": "ü"}]
    with pytest.raises(ClientError, match="BulkEmailEntries"):
        wired.bulk(entry("a@example.org", ReplacementHeaders=headers))


def test_sandbox_mode_answers_by_entry(wired: Wired) -> None:
    wired.sandbox.api.put("account", production_access=False)
    results = wired.bulk(entry("a@example.org"), entry("success@simulator.amazonses.com"))
    assert [item["Status"] for item in results] == ["MESSAGE_REJECTED", "SUCCESS"]


def test_the_day_is_counted_by_entry(wired: Wired) -> None:
    wired.sandbox.api.put("account", max_24_hour_send=1)
    results = wired.bulk(entry("a@example.org"), entry("b@example.org"))
    assert [item["Status"] for item in results] == ["SUCCESS", "ACCOUNT_DAILY_QUOTA_EXCEEDED"]


def test_a_call_above_the_rate_is_throttled_whole(wired: Wired) -> None:
    wired.sandbox.api.put("account", max_send_rate=1, burst_seconds=2)
    with pytest.raises(ClientError, match="Maximum sending rate exceeded"):
        wired.bulk(*[entry(f"a{number}@example.org") for number in range(3)])
    assert wired.sandbox.messages() == []


def test_inline_templates_substitute_only(wired: Wired) -> None:
    content = {"TemplateContent": {"Subject": "Yo {{name}}", "Text": "x"}, "TemplateData": "{}"}
    wired.bulk(entry("a@example.org"), DefaultContent={"Template": content})
    assert wired.sandbox.messages()[0]["subject"] == "Yo Ada"
    content["TemplateContent"]["Text"] = "{{#if name}}x{{/if}}"  # type: ignore[index]
    with pytest.raises(ClientError, match="simple substitutions"):
        wired.bulk(entry("a@example.org"), DefaultContent={"Template": content})


def test_a_template_may_be_named_by_arn(wired: Wired) -> None:
    content = {"TemplateArn": "arn:aws:ses:eu-central-1:123456789012:template/t", "TemplateData": "{}"}
    assert wired.bulk(entry("a@example.org"), DefaultContent={"Template": content})[0]["Status"] == "SUCCESS"


@pytest.mark.parametrize(("switch", "tracked"), [("ENABLED", True), ("DISABLED", False)])
def test_overrides_decide_tracking(wired: Wired, switch: str, tracked: bool) -> None:
    wired.ses.create_email_template(
        TemplateName="l", TemplateContent={"Subject": "x", "Html": '<a href="https://example.com/">y</a>'}
    )
    wired.bulk(
        entry("a@example.org"),
        DefaultContent={"Template": {"TemplateName": "l", "TemplateData": "{}"}},
        ConfigurationOverrides={"Tracking": {"OpenTrackingEnabled": switch, "ClickTrackingEnabled": switch}},
    )
    html = wired.sandbox.messages()[0]["html"]
    assert ("/_sandbox/o/" in html, "/_sandbox/r/" in html) == (tracked, tracked)
