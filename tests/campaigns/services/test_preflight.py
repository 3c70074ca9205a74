import datetime as dt
from typing import Any

import pytest
from django.test import override_settings

from campaigns.models import Campaign, CampaignKind, Sender, Translation
from campaigns.rendering import Level
from campaigns.services import checklist, preflight
from mailplatform.core import clock
from subscribers.models import MarketingBasis
from tests.factories.campaigns import (
    HTML,
    make_campaign,
    make_list,
    make_people,
    make_ready_campaign,
    make_run,
    make_site,
    make_template,
)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _https(settings: Any) -> None:
    settings.PUBLIC_URL = "https://mail.example.com"


def found(campaign: Campaign) -> dict[str, Level]:
    return {item.code: item.level for item in preflight.check(campaign).items}


def test_a_ready_campaign_can_be_sent() -> None:
    result = preflight.check(make_ready_campaign())
    assert result.can_send, result.blocking
    assert (result.audience.total, result.audience.eligible) == (3, 3)
    assert [item.code for item in result.items] == ["text_generated"]


def test_an_empty_campaign_names_everything_that_is_missing() -> None:
    campaign = Campaign.objects.create(name="Empty")
    codes = {item.code for item in preflight.check(campaign).blocking}
    assert {"no_audience", "no_sender", "no_template", "no_address"} <= codes


def test_nobody_to_send_to_blocks() -> None:
    make_site()
    campaign, mailing_list = make_campaign(), make_list()
    make_people(mailing_list, 2, marketing_basis=MarketingBasis.NONE)
    campaign.lists.add(mailing_list)
    codes = found(campaign)
    assert codes["nobody"] is Level.BLOCKING
    assert codes["no_basis"] is Level.ADVICE


def test_the_count_names_every_reason() -> None:
    campaign = make_ready_campaign(people=4)
    mailing_list = campaign.lists.get()
    make_people(mailing_list, 2, marketing_basis=MarketingBasis.NONE)
    make_people(mailing_list, 1, marketing_basis=MarketingBasis.WITHDRAWN)
    audience = preflight.check(campaign).audience
    assert (audience.total, audience.eligible) == (7, 4)
    assert {e.code: e.count for e in audience.exclusions} == {"no_basis": 2, "withdrawn": 1}


@pytest.mark.parametrize(
    ("html", "code"),
    [
        (HTML.replace("{{unsubscribe_url}}", "https://example.com"), "no_unsubscribe"),
        (HTML.replace("{{postal_address}}", ""), "no_postal_address"),
        (HTML + "{{oops}}", "unknown_variable"),
        (HTML + "{{#if name}}", "unclosed_block"),
        (HTML + '<a href="http://localhost/x">x</a>', "local_link"),
    ],
)
def test_a_broken_template_blocks_and_leads_to_the_editor(html: str, code: str) -> None:
    campaign = make_ready_campaign(template=make_template(html=html))
    items = {item.code: item for item in preflight.check(campaign).blocking}
    assert items[code].fix == "template"


def test_a_missing_alt_text_is_only_a_warning() -> None:
    html = HTML.replace("<h1>", '<img src="https://example.com/a.png"><h1>')
    result = preflight.check(make_ready_campaign(template=make_template(html=html)))
    assert result.can_send
    assert "no_alt" in {item.code for item in result.warnings}


def test_a_long_subject_of_the_campaign_leads_to_its_own_step() -> None:
    result = preflight.check(make_ready_campaign(subject="x" * 90))
    assert {(i.code, i.fix) for i in result.warnings} == {("long_subject", "from")}


def test_a_campaign_variable_without_value_blocks() -> None:
    template = make_template(html=HTML + "{{discount}}", defaults={"discount": ""})
    assert found(make_ready_campaign(template=template))["empty_variable"] is Level.BLOCKING
    assert "empty_variable" not in found(make_ready_campaign(template=template, variables={"discount": "5"}))


def test_an_unverified_sender_blocks() -> None:
    campaign = make_ready_campaign(sender=Sender.objects.create(address="x@other.org"))
    assert found(campaign)["sender_not_verified"] is Level.BLOCKING


@pytest.mark.parametrize(
    ("changes", "code", "level"),
    [
        ({"postal_address": " "}, "no_address", Level.BLOCKING),
        ({"sending_enabled": False}, "account_stopped", Level.BLOCKING),
        ({"enforcement_status": "SHUTDOWN"}, "account_stopped", Level.BLOCKING),
        ({"enforcement_status": "PROBATION"}, "account_review", Level.WARNING),
        ({"production_access": False}, "ses_sandbox", Level.WARNING),
        ({"max_24_hour_send": 2.0}, "quota", Level.WARNING),
        ({"quota_read_at": None}, "quota_unknown", Level.ADVICE),
        ({"company": ""}, "no_company", Level.WARNING),
        ({"public_url": "http://mail.example.com"}, "public_url", Level.BLOCKING),
    ],
)
def test_the_account_and_the_settings(changes: dict[str, Any], code: str, level: Level) -> None:
    campaign = make_ready_campaign()
    make_site(**changes)
    assert found(campaign)[code] is level


def test_an_unlimited_quota_is_never_too_small() -> None:
    campaign = make_ready_campaign()
    make_site(max_24_hour_send=-1.0)
    assert "quota" not in found(campaign)


def test_tracking_by_ses_needs_an_acknowledgement() -> None:
    campaign = make_ready_campaign(track_opens=True)
    make_site(tracking_carrier="ses")
    assert found(campaign)["tracking_not_acknowledged"] is Level.BLOCKING
    make_site(ses_tracking_acknowledged_at=clock.now())
    assert "tracking_not_acknowledged" not in found(campaign)


def test_what_this_site_counts_needs_none() -> None:
    make_site()
    assert (
        found(make_ready_campaign(track_opens=True, track_clicks=True))
        .keys()
        .isdisjoint({"tracking_not_acknowledged", "tracking_by_nobody"})
    )


def test_mail_that_is_not_marketing_is_not_tracked_and_acknowledges_nothing() -> None:
    make_site(tracking_carrier="ses")
    assert "tracking_not_acknowledged" not in found(make_ready_campaign(track_opens=True, kind="contract"))


@pytest.mark.parametrize(("carrier", "is_said"), [("ses", True), ("own", False)])
def test_amazon_counts_nothing_of_what_an_smtp_server_sends(
    settings: Any, carrier: str, is_said: bool
) -> None:
    settings.SMTP_URL = "smtp://127.0.0.1:25"
    make_site(tracking_carrier=carrier)
    codes = found(make_ready_campaign(track_clicks=True))
    assert codes.get("tracking_by_nobody") is (Level.WARNING if is_said else None)
    assert "tracking_not_acknowledged" not in codes


PLAIN = (
    '<a href="https://{{name}}.example/1">1</a><a href="https://{{name}}.example/2">2</a>'
    '<a href="https://{{name}}.example/3">3</a><a href="https://{{name}}.example/4">4</a>'
    '<a href="https://example.com/{{#if name}}x{{/if}}">x</a>'
)


def make_plain(**fields: Any) -> Campaign:
    return make_ready_campaign(
        template=make_template(html=HTML.replace("<h1>", f"{PLAIN}<h1>")), **{"track_clicks": True, **fields}
    )


def test_links_that_this_site_cannot_count_are_a_note() -> None:
    result = preflight.check(make_plain())
    item = next(item for item in result.items if item.code == "plain_links")
    assert (item.level, item.fix) == (Level.ADVICE, checklist.TEMPLATE)
    assert item.message == (
        "5 links are not counted and lead straight to the address: 4 because the host "
        "hangs on a value that the campaign does not set for everybody "
        "(“https://{{name}}.example/1”, “https://{{name}}.example/2”, “https://{{name}}.example/3” and 1 more); "
        "1 because a condition stands in the address (“https://example.com/{{#if name}}x{{/if}}”)."
    )
    assert result.can_send


def test_a_language_of_its_own_is_looked_at_too() -> None:
    campaign = make_ready_campaign(track_clicks=True)
    german = make_template(html=HTML.replace("<h1>", '<a href="https://{{name}}.example/x">x</a><h1>'))
    Translation.objects.create(campaign=campaign, language="de", template=german)
    said = [item.message for item in preflight.check(campaign).items if item.code == "plain_links"]
    assert len(said) == 1
    assert said[0].startswith("In German")
    assert "1 link is not counted and leads" in said[0]


@pytest.mark.parametrize("changes", [{"track_clicks": False, "track_opens": True}, {"kind": "contract"}])
def test_nothing_is_said_of_links_where_no_clicks_are_counted(changes: dict[str, Any]) -> None:
    assert "plain_links" not in found(make_plain(**changes))


def test_nothing_is_said_of_links_where_amazon_counts_or_all_are_counted() -> None:
    assert "plain_links" not in found(make_ready_campaign(track_clicks=True))
    campaign = make_plain()
    make_site(tracking_carrier="ses", ses_tracking_acknowledged_at=clock.now())
    assert "plain_links" not in found(campaign)


def test_a_time_that_has_passed_blocks() -> None:
    campaign = make_ready_campaign(scheduled_at=clock.now() - dt.timedelta(minutes=1))
    assert found(campaign)["time_past"] is Level.BLOCKING


def test_the_same_mail_twice_within_a_day_is_a_warning() -> None:
    campaign = make_ready_campaign()
    make_run(make_campaign(template=campaign.template), frozen={"subject": "Hello {{name}}, news"})
    assert found(campaign)["repeated"] is Level.WARNING
    make_run(campaign)
    assert len(found(campaign)) == 2


def test_other_kinds_of_mail_are_pointed_out() -> None:
    assert found(make_ready_campaign(kind=CampaignKind.SERVICE))["not_marketing"] is Level.WARNING


@override_settings(PUBLIC_URL="http://127.0.0.1:8000")
def test_plain_http_blocks_outside_of_the_sandbox() -> None:
    assert found(make_ready_campaign())["public_url"] is Level.BLOCKING
