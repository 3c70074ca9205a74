"""The list of campaigns finds them again: by name, subject, tag and state; and the page on which they are filed."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, CampaignState
from mailplatform.accounts.models import Role
from tests.factories.campaigns import make_campaign, make_template, make_user

pytestmark = pytest.mark.django_db
LIST = "campaigns:campaign_list"


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(make_user())
    return client


def filing(campaign: Campaign) -> str:
    return reverse("campaigns:campaign_filing", args=[campaign.public_id])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"search": "harb"}, {"Harbour news"}),
        ({"search": "summer"}, {"Harbour news"}),
        ({"search": "of the template"}, {"Shop"}),
        ({"search": "Weekly"}, {"Shop"}),
        ({"tag": "weekly"}, {"Shop"}),
        ({"state": "sent"}, {"Shop"}),
        ({"archived": "1"}, {"Old"}),
        ({"search": "nowhere"}, set()),
        ({"from": "²"}, {"Harbour news", "Shop"}),
        ({"from": "9" * 5_000}, {"Harbour news", "Shop"}),
        ({"from": "1"}, {"Harbour news"}),
    ],
)
def test_campaigns_are_found(marketer: Client, query: dict[str, str], found: set[str]) -> None:
    template = make_template(subject="Words of the template")
    make_campaign(name="Harbour news", subject="Summer sale", template=template)
    make_campaign(name="Shop", template=template, tags=["shop", "weekly"], state=CampaignState.SENT)
    make_campaign(name="Old", archived_at="2026-01-01T00:00Z", tags=["weekly"])
    response = marketer.get(reverse(LIST), query)
    assert {row.name for row in response.context["campaigns"]} == found
    assert ("No campaign matches" in response.content.decode()) is (not found)


def test_the_list_asks_no_more_for_more_campaigns(
    marketer: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(5):
        make_campaign(tags=[f"tag{number}"])
    with django_assert_max_num_queries(8):
        marketer.get(reverse(LIST))


def test_name_tags_and_archive_are_saved_in_every_state(marketer: Client) -> None:
    campaign = make_campaign(state=CampaignState.SENT)
    data = {"revision": "1", "name": " April ", "tags": "Shop,  weekly news ,shop,", "in_archive": "on"}
    assert marketer.post(filing(campaign), data).status_code == 302
    campaign.refresh_from_db()
    assert (campaign.name, campaign.tags, campaign.in_archive) == ("April", ["shop", "weekly news"], True)
    assert "shop, weekly news" in marketer.get(filing(campaign)).content.decode()


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        ({"name": ""}, 422, "This field is required."),
        ({"tags": "x" * 41}, 422, "at most 40 characters"),
        ({"tags": ",".join(map(str, range(11)))}, 422, "at most 10 tags"),
        ({"revision": "7"}, 409, "was changed by somebody else. What you typed is kept"),
    ],
)
def test_what_cannot_be_saved_is_said_and_kept(
    marketer: Client, data: dict[str, str], status: int, words: str
) -> None:
    campaign = make_campaign()
    response = marketer.post(filing(campaign), {"revision": "1", "name": "May", "tags": "kept", **data})
    assert response.status_code == status
    assert words in response.content.decode()
    assert f'value="{data.get("tags", "kept")}"' in response.content.decode()
    campaign.refresh_from_db()
    assert campaign.name != "May"


def test_a_viewer_files_nothing(client: Client) -> None:
    client.force_login(make_user(Role.VIEWER))
    assert client.get(filing(make_campaign())).status_code == 403
