"""Templates in SES's dialect, through boto3."""

import json
from email import message_from_string
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from botocore.exceptions import ClientError

from mailplatform.sandbox.testing import RunningSandbox


def render(sbx: RunningSandbox, text: str, data: dict[str, Any]) -> str:
    ses = sbx.client("sesv2")
    content = {"Subject": "x", "Text": text}
    ses.create_email_template(TemplateName="t", TemplateContent=content)
    mime = ses.test_render_email_template(TemplateName="t", TemplateData=json.dumps(data))["RenderedTemplate"]
    parsed = message_from_string(mime, policy=default)
    assert isinstance(parsed, EmailMessage)
    return str(parsed.get_content()).replace("\r\n", "\n").rstrip("\n")


@pytest.mark.parametrize(
    ("text", "data", "expected"),
    [
        ("Hi {{name}}", {"name": "Ada"}, "Hi Ada"),
        ("{{a}}{{{a}}}", {"a": "<b>&'\""}, "<b>&'\"<b>&'\""),
        ("{{contact.firstName}}", {"contact": {"firstName": "Ada"}}, "Ada"),
        ("{{#if vip}}V{{else}}N{{/if}}", {"vip": False}, "N"),
        ("{{#if vip}}V{{else}}N{{/if}}", {}, "N"),
        ("{{#if a}}1{{else if b}}2{{/if}}", {"a": 0, "b": 1}, "2"),
        ("{{#each items}}{{@index}}{{this.n}},{{/each}}", {"items": [{"n": "a"}, {"n": "b"}]}, "0a,1b,"),
        ("{{#each items}}x{{else}}none{{/each}}", {"items": []}, "none"),
        ("{{#unless a}}no{{/unless}}", {"a": False}, "no"),
        (
            '{{#* inline "full"}}{{first}} {{last}}{{/inline}}\n{{> full}}',
            {"first": "A", "last": "L"},
            "\nA L",
        ),
        ("{{empty}}|", {"empty": ""}, "|"),
        ("{{! nothing }}x", {}, "x"),
    ],
)
def test_the_dialect(sbx: RunningSandbox, text: str, data: dict[str, Any], expected: str) -> None:
    assert render(sbx, text, data) == expected


@pytest.mark.parametrize(
    ("text", "data", "name"),
    [
        ("{{name}}", {}, "name"),
        ("{{Name}}", {"name": "Ada"}, "Name"),
        ("{{contact.first}}", {"contact": {}}, "first"),
        ("{{contact.first}}", {}, "contact"),
        ("{{#each items}}{{gone}}{{/each}}", {"items": [{}]}, "gone"),
    ],
)
def test_a_missing_attribute_is_named(
    sbx: RunningSandbox, text: str, data: dict[str, Any], name: str
) -> None:
    with pytest.raises(ClientError) as error:
        render(sbx, text, data)
    message = error.value.response["Error"]["Message"]
    assert message == f"Attribute '{name}' is not present in the rendering data."


def test_a_test_rendering_is_a_whole_mime_message(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    content = {"Subject": "Hi {{n}}", "Text": "T {{n}}", "Html": "<p>{{n}}</p>"}
    ses.create_email_template(TemplateName="t", TemplateContent=content)
    rendered = ses.test_render_email_template(TemplateName="t", TemplateData='{"n": "Grüße"}')[
        "RenderedTemplate"
    ]
    parsed = message_from_string(rendered, policy=default)
    assert parsed["Subject"] == "Hi Grüße"
    assert parsed.get_content_type() == "multipart/alternative"


def test_the_life_of_a_template(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    ses.create_email_template(TemplateName="t", TemplateContent={"Subject": "a", "Text": "b"})
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        ses.create_email_template(TemplateName="t", TemplateContent={"Subject": "a", "Text": "b"})
    ses.update_email_template(TemplateName="t", TemplateContent={"Subject": "c", "Html": "d"})
    assert ses.get_email_template(TemplateName="t")["TemplateContent"] == {"Subject": "c", "Html": "d"}
    assert [item["TemplateName"] for item in ses.list_email_templates()["TemplatesMetadata"]] == ["t"]
    ses.delete_email_template(TemplateName="t")
    for call in (ses.get_email_template, ses.delete_email_template):
        with pytest.raises(ClientError, match="NotFoundException"):
            call(TemplateName="t")


def test_lists_have_ten_a_page(sbx: RunningSandbox) -> None:
    ses = sbx.client("sesv2")
    for number in range(12):
        ses.create_email_template(TemplateName=f"t{number:02}", TemplateContent={"Subject": "a", "Text": "b"})
    first = ses.list_email_templates()
    assert len(first["TemplatesMetadata"]) == 10
    assert len(ses.list_email_templates(NextToken=first["NextToken"])["TemplatesMetadata"]) == 2


@pytest.mark.parametrize(
    "content",
    [
        {"Text": "no subject"},
        {"Subject": "{{#if a}}", "Text": "x"},
        {"Subject": "x", "Html": "{{#if a}}{{/each}}"},
        {"Subject": "x", "Html": "{{"},
        {"Subject": "x", "Html": "x" * 600_000},
    ],
)
def test_broken_content_is_refused(sbx: RunningSandbox, content: dict[str, str]) -> None:
    with pytest.raises(ClientError, match="BadRequestException"):
        sbx.client("sesv2").create_email_template(TemplateName="t", TemplateContent=content)
    assert sbx.client("sesv2").list_email_templates()["TemplatesMetadata"] == []


@pytest.mark.parametrize("data", ["", "{", "[]", '"x"'])
def test_data_must_be_an_object(sbx: RunningSandbox, data: str) -> None:
    ses = sbx.client("sesv2")
    ses.create_email_template(TemplateName="t", TemplateContent={"Subject": "a", "Text": "b"})
    with pytest.raises(ClientError, match="BadRequestException"):
        ses.test_render_email_template(TemplateName="t", TemplateData=data)
