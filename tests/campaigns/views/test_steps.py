from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django.asserts import assertContains

from campaigns.models import Campaign, CampaignState
from mailplatform.accounts.models import Role
from tests.factories.campaigns import (
    HTML,
    make_campaign,
    make_list,
    make_people,
    make_ready_campaign,
    make_sender,
    make_site,
    make_template,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client: Client, settings: Any) -> Client:
    settings.PUBLIC_URL = "https://mail.example.com"
    make_site()
    client.force_login(make_user())
    return client


def url(campaign: Campaign, step: str) -> str:
    return reverse("campaigns:campaign_step", args=[campaign.public_id, step])


def test_a_new_campaign_begins_with_to(marketer: Client) -> None:
    response = marketer.post(reverse("campaigns:campaign_new"), {"name": "March"})
    assert response["Location"] == url(Campaign.objects.get(name="March"), "to")


@pytest.mark.parametrize("step", ["to", "from", "content", "schedule", "review"])
def test_every_step_opens_in_any_order(marketer: Client, step: str) -> None:
    campaign = Campaign.objects.create(name="Empty")
    response = marketer.get(url(campaign, step))
    assert response.status_code == 200
    assert b'aria-current="step"' in response.content


def test_there_is_no_sixth_step(marketer: Client) -> None:
    assert marketer.get(url(make_campaign(), "nowhere")).status_code == 404


def test_typing_saves_and_comes_back_with_the_count(marketer: Client) -> None:
    campaign, mailing_list = make_campaign(), make_list()
    make_people(mailing_list, 3)
    response = marketer.post(
        url(campaign, "to"),
        {"revision": "1", "kind": "marketing", "lists": [mailing_list.pk]},
        headers={"HX-Request": "true"},
    )
    page = response.content.decode()
    assert "of 3 people will receive it" in page
    assert 'name="revision" value="2"' in page
    assert "<html" not in page
    assert list(campaign.lists.all()) == [mailing_list]
    again = marketer.get(url(campaign, "to")).content.decode()
    assert again.count("checked") == 2


def test_continue_goes_on_also_without_javascript(marketer: Client) -> None:
    campaign = make_campaign()
    data = {"revision": "1", "kind": "marketing", "next": "from"}
    assert marketer.post(url(campaign, "to"), data)["Location"] == url(campaign, "from")
    data["revision"] = "2"
    response = marketer.post(url(campaign, "to"), data, headers={"HX-Request": "true"})
    assert response["HX-Redirect"] == url(campaign, "from")


def test_ux_11_a_stale_save_of_a_step_shows_both_and_loses_nothing(marketer: Client) -> None:
    campaign = make_campaign()
    marketer.post(url(campaign, "from"), {"revision": "1", "subject": "First", "sender": make_sender().pk})
    data = {"revision": "1", "subject": "Second", "sender": make_sender().pk}
    response = marketer.post(url(campaign, "from"), data)
    page = response.content.decode()
    assert response.status_code == 409
    assert 'value="First"' in page
    assert 'value="Second"' in page
    assert 'name="revision" value="2"' in page
    small = marketer.post(url(campaign, "from"), data, headers={"HX-Request": "true"})
    assert small.status_code == 409
    assert b"Somebody else changed this campaign" in small.content
    campaign.refresh_from_db()
    assert campaign.subject == "First"


def test_the_variables_of_the_chosen_template_are_asked_for(marketer: Client) -> None:
    template = make_template(html=HTML + "{{discount}}", defaults={"discount": "10"})
    campaign = make_campaign()
    response = marketer.post(
        url(campaign, "content"),
        {"revision": "1", "template": template.pk, "variable:discount": "25", "variable:html": "x"},
        headers={"HX-Request": "true"},
    )
    assert 'name="variable:discount" value="25"' in response.content.decode()
    campaign.refresh_from_db()
    assert (campaign.template, campaign.variables) == (template, {"discount": "25"})


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"when": "later", "zone": "Europe/Berlin"}, "Choose a day."),
        (
            {"when": "later", "date": "2020-01-01", "time": "09:00", "zone": "Europe/Berlin"},
            "This time is past.",
        ),
        ({"when": "later", "date": "2099-03-29", "time": "02:30", "zone": "Europe/Berlin"}, "does not exist"),
        ({"when": "now", "zone": "Nowhere/Town"}, "Select a valid choice"),
        ({"when": "now", "zone": "UTC", "rate_limit": "-1"}, "greater than or equal to 1"),
    ],
)
def test_a_bad_time_is_said_at_its_field(marketer: Client, data: dict[str, str], words: str) -> None:
    campaign = make_campaign()
    response = marketer.post(url(campaign, "schedule"), {"revision": "1", **data})
    assert response.status_code == 422
    assert words in response.content.decode()


def test_a_time_is_kept_in_its_zone(marketer: Client) -> None:
    campaign = make_campaign()
    data = {
        "revision": "1",
        "when": "later",
        "date": "2099-07-01",
        "time": "09:00",
        "zone": "America/New_York",
    }
    marketer.post(url(campaign, "schedule"), data)
    campaign.refresh_from_db()
    assert campaign.scheduled_at is not None
    assert campaign.scheduled_at.isoformat() == "2099-07-01T13:00:00+00:00"
    page = marketer.get(url(campaign, "schedule")).content.decode()
    assert 'value="09:00"' in page


def test_a_warning_leaves_send_alone_and_names_the_number(marketer: Client) -> None:
    campaign = make_ready_campaign(subject="x" * 90)
    page = marketer.get(url(campaign, "review")).content.decode()
    assert "Send to 3 people now?" in page
    assert 'name="count" value="3"' in page
    assert "send-tick" not in page


def test_the_preview_of_a_campaign_has_its_own_subject_and_values(marketer: Client) -> None:
    template = make_template(html=HTML + "<b>{{discount}}</b>", defaults={"discount": "10"})
    campaign = make_campaign(template=template, variables={"discount": "25"})
    address = reverse("campaigns:campaign_preview", args=[campaign.public_id, "html"])
    frame = marketer.get(address)
    assert "<b>25</b>" in frame.content.decode()
    assert frame["Content-Security-Policy"].startswith("sandbox")
    Campaign.objects.filter(pk=campaign.pk).update(template=None)
    assert b"Choose a template first" in marketer.get(address).content


def test_a_campaign_on_its_way_has_no_steps_any_more(marketer: Client) -> None:
    campaign = make_campaign(state=CampaignState.SENDING)
    for step in ("to", "review"):
        assert marketer.get(url(campaign, step)).status_code == 302
    response = marketer.post(url(campaign, "to"), {"revision": "1", "kind": "marketing"})
    assert response["Location"] == reverse("campaigns:campaign_detail", args=[campaign.public_id])


def test_a_viewer_reads_the_steps_and_saves_nothing(client: Client) -> None:
    client.force_login(make_user(Role.VIEWER))
    campaign = make_campaign()
    assert client.get(url(campaign, "to")).status_code == 200
    assert client.post(url(campaign, "to"), {"revision": "1", "kind": "contract"}).status_code == 403
    assert b"data-dialog-open" not in client.get(url(campaign, "review")).content


def test_another_sender_leads_back_to_the_step(marketer: Client) -> None:
    back = url(make_campaign(), "from")
    data = {"name": "Shop", "address": "shop@example.com", "next": back}
    assert marketer.post(reverse("campaigns:campaign_sender_add"), data)["Location"] == back
    bad = {"name": "Shop", "address": "shop@other.org", "next": "https://evil.example/"}
    response = marketer.post(reverse("campaigns:campaign_sender_add"), bad)
    assert response.status_code == 422
    assert b"not verified" in response.content
    assert b"evil.example" not in response.content


@pytest.mark.parametrize(
    ("carrier", "smtp", "words"),
    [
        ("own", "", "opens and clicks, with consent, by this site"),
        ("own", "smtp://127.0.0.1:25", "opens and clicks, with consent, by this site"),
        ("ses", "", "opens and clicks, with consent, by Amazon SES"),
        ("ses", "smtp://127.0.0.1:25", "none: Amazon SES would count, but does not send this mail"),
    ],
)
def test_the_review_says_who_counts(
    marketer: Client, settings: Any, carrier: str, smtp: str, words: str
) -> None:
    settings.SMTP_URL = smtp
    campaign = make_ready_campaign(track_opens=True, track_clicks=True)
    make_site(tracking_carrier=carrier)
    assertContains(marketer.get(url(campaign, "review")), f"<dt>Measuring</dt><dd>{words}</dd>")


def test_the_review_says_that_contract_mail_is_not_counted(marketer: Client) -> None:
    campaign = make_ready_campaign(track_opens=True, kind="contract")
    assertContains(marketer.get(url(campaign, "review")), "<dt>Measuring</dt><dd>none</dd>")
