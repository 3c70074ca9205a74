import json
import uuid
from typing import Any

import pytest

from campaigns import entries, tokens
from campaigns.entries import Person, RunContext, UnmailableEntry, build_entry
from campaigns.headers import InvalidHeader
from mailplatform.accounts.services import installation
from mailplatform.aws import limits
from tests.factories.campaigns import HTML, make_campaign, make_run, make_site, make_template

pytestmark = pytest.mark.django_db


def person(**fields: Any) -> Person:
    values = {"email": "Ann@example.org", "name": "Ann <Lee>", "language": "en", "fields": {}, **fields}
    return Person(41, uuid.uuid4(), **values)


@pytest.fixture
def run_context() -> RunContext:
    make_site()
    return RunContext.load(make_run())


def test_headers_stand_in_the_order_that_receivers_want(run_context: RunContext) -> None:
    entry = build_entry(run_context, person())
    names = [header["Name"] for header in entry["ReplacementHeaders"]]
    assert names == ["List-Unsubscribe", "List-Unsubscribe-Post", "List-Id"]
    address = entry["ReplacementHeaders"][0]["Value"].strip("<>")
    assert address.startswith("https://mail.example.com/u/")
    claim = tokens.read_unsubscribe_token(address.rstrip("/").rsplit("/", 1)[1])
    assert (claim.run_id, claim.subscriber_id, claim.is_test) == (run_context.run_id, 41, False)


def test_data_is_complete_plain_and_escaped(run_context: RunContext) -> None:
    entry = build_entry(run_context, person())
    data = json.loads(entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"])
    assert data["name"] == "Ann <Lee>"
    assert data["html"]["name"] == "Ann &lt;Lee&gt;"
    assert data["html"]["postal_address"] == "1 High Street, 10115 Berlin"
    assert data["html"]["company"] == "Example Ltd"
    assert data["unsubscribe_url"] == data["html"]["unsubscribe_url"]


def test_tags_name_installation_run_and_person(run_context: RunContext) -> None:
    tags = {tag["Name"]: tag["Value"] for tag in build_entry(run_context, person())["ReplacementTags"]}
    assert tags == {"mp-epoch": installation.get().tag, "mp-run": str(run_context.run_id), "mp-sub": "41"}


@pytest.mark.parametrize(("name", "expected"), [("", "there"), ("Ann Lee", "Ann")])
def test_a_first_name_comes_from_the_name_or_from_the_default(name: str, expected: str) -> None:
    make_site()
    template = make_template(html=HTML.replace("{{name}}", "{{first_name}}"))
    context = RunContext.load(make_run(make_campaign(template=template)))
    entry = build_entry(context, person(name=name))
    data = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"]
    assert json.loads(data)["html"]["first_name"] == expected


def test_campaign_variables_reach_everybody_and_no_person_can_change_them() -> None:
    make_site()
    template = make_template(subject="Get {{discount}}% off now", html=HTML, defaults={"discount": "10"})
    campaign = make_campaign(template=template, variables={"discount": "20", "company": "Evil Ltd"})
    context = RunContext.load(make_run(campaign))
    entry = build_entry(context, person(fields={"discount": "99", "unsubscribe_url": "https://evil.example"}))
    data = json.loads(entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"])
    assert data["discount"] == "20"
    assert data["html"]["company"] == "Example Ltd"
    assert data["html"]["unsubscribe_url"].startswith("https://mail.example.com/u/")


@pytest.mark.parametrize("email", ["grün@example.org", "no-at-sign", "a b@example.org"])
def test_one_bad_address_concerns_one_person_alone(run_context: RunContext, email: str) -> None:
    with pytest.raises(UnmailableEntry) as caught:
        build_entry(run_context, person(email=email))
    assert caught.value.reason == "bad_address"


def test_a_domain_outside_ascii_is_written_in_punycode(run_context: RunContext) -> None:
    entry = build_entry(run_context, person(email="ann@bücher.example"))
    assert entry["Destination"]["ToAddresses"] == ["ann@xn--bcher-kva.example"]


def test_oversized_data_concerns_one_person_alone(run_context: RunContext) -> None:
    with pytest.raises(UnmailableEntry) as caught:
        build_entry(run_context, person(name="x" * 300_000))
    assert caught.value.reason == "data_too_large"


def test_the_whole_call_passes_the_limits_of_ses(run_context: RunContext) -> None:
    call = entries.request(
        run_context, "mailplatform-none", [build_entry(run_context, person()) for _ in range(50)]
    )
    limits.check_bulk(call)
    assert call["FromEmailAddress"] == "Example News <news@example.com>"
    assert call["DefaultContent"]["Template"]["TemplateName"].startswith("mp-")
    assert "ReplyToAddresses" not in call
    names = [tag["Name"] for tag in call["DefaultEmailTags"]]
    assert names == ["mp-campaign", "ses:feedback-id-a", "ses:feedback-id-b"]


def test_a_reply_address_is_passed_on() -> None:
    make_site()
    sender = {"name": "Größe", "address": "news@example.com", "reply_to": "help@example.com"}
    context = RunContext.load(make_run(frozen={"sender": sender}))
    call = entries.request(context, "mailplatform-none", [])
    assert call["ReplyToAddresses"] == ["help@example.com"]
    assert call["FromEmailAddress"].isascii()


def test_the_tenant_that_provisioning_made_is_named() -> None:
    make_site()
    assert "TenantName" not in entries.request(RunContext.load(make_run()), "mailplatform-none", [])
    make_site(provisioning={"tenant": "shop"})
    assert entries.request(RunContext.load(make_run()), "mailplatform-none", [])["TenantName"] == "shop"
    make_site(provisioning={"tenant": "shop", "tenant_goes": True})
    assert "TenantName" not in entries.request(RunContext.load(make_run()), "mailplatform-none", [])


def test_a_run_without_https_cannot_be_loaded() -> None:
    make_site()
    with pytest.raises(InvalidHeader):
        RunContext.load(make_run(frozen={"public_url": "http://mail.example.com"}))


def test_a_demonstration_on_this_machine_may_use_http() -> None:
    make_site()
    context = RunContext.load(make_run(frozen={"public_url": "http://127.0.0.1:8000/"}))
    assert build_entry(context, person())["ReplacementHeaders"][0]["Value"].startswith(
        "<http://127.0.0.1:8000/u/"
    )
    assert context.list_id["Value"].endswith(".localhost>")
