from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, CampaignState, RunState
from mailplatform.accounts.models import Role
from tests.factories.campaigns import make_campaign, make_ready_campaign, make_run, make_site, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client: Client, settings: Any) -> Client:
    settings.PUBLIC_URL = "https://mail.example.com"
    make_site()
    client.force_login(make_user())
    return client


def post(client: Client, campaign: Campaign, button: str, **data: Any) -> str:
    address = reverse(f"campaigns:campaign_{button}", args=[campaign.public_id])
    return client.post(address, data, follow=True).content.decode()


def test_send_confirms_the_number_and_can_be_undone(marketer: Client) -> None:
    campaign = make_ready_campaign()
    assert "Undo" in post(marketer, campaign, "send", count="3")
    assert "is already scheduled" in post(marketer, campaign, "send", count="3")
    assert "Nothing was sent" in post(marketer, campaign, "unschedule")
    campaign.refresh_from_db()
    assert (campaign.state, campaign.runs.count()) == (CampaignState.DRAFT, 0)


@pytest.mark.parametrize(
    ("count", "words"),
    [
        ("4", "You confirmed 4 people, but 3"),
        ("", "not complete"),
        ("x", "not complete"),
        ("²", "not complete"),
    ],
)
def test_a_wrong_confirmation_sends_nothing(marketer: Client, count: str, words: str) -> None:
    campaign = make_ready_campaign()
    assert words in post(marketer, campaign, "send", count=count)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT


def test_nobody_is_answered_plainly(marketer: Client) -> None:
    assert "Nobody in this audience may be mailed." in post(
        marketer, make_ready_campaign(people=0), "send", count="0"
    )


def test_ux_19_pause_and_cancel_say_what_cannot_be_recalled(marketer: Client) -> None:
    campaign = make_campaign(state=CampaignState.SENDING)
    run = make_run(campaign, audience=0)
    assert "0 mails are sent and cannot be recalled" in post(marketer, campaign, "pause")
    run.refresh_from_db()
    assert run.state == RunState.PAUSED
    assert "is not sending just now" in post(marketer, campaign, "pause")
    assert "Cancelled." in post(marketer, campaign, "cancel")
    assert "over already" in post(marketer, campaign, "cancel")
    assert "Only a paused campaign can be resumed." in post(marketer, campaign, "resume")


@pytest.mark.parametrize("name", ["pause", "resume", "cancel"])
def test_what_was_never_launched_has_no_run(marketer: Client, name: str) -> None:
    address = reverse(f"campaigns:campaign_{name}", args=[make_campaign().public_id])
    assert marketer.post(address).status_code == 404


def test_copy_put_away_and_bring_back(marketer: Client) -> None:
    campaign = make_campaign(name="March", state=CampaignState.SENT)
    assert "March (copy)" in post(marketer, campaign, "duplicate")
    assert "is put away" in post(marketer, campaign, "archive")
    listed = reverse("campaigns:campaign_list")
    assert campaign.public_id not in {row.public_id for row in marketer.get(listed).context["campaigns"]}
    assert "Bring back" in marketer.get(listed, {"archived": "1"}).content.decode()
    assert "among the others again" in post(marketer, campaign, "bring_back")
    campaign.refresh_from_db()
    assert campaign.archived_at is None
    assert "cannot be put away" in post(marketer, make_campaign(state=CampaignState.SENDING), "archive")


@pytest.mark.parametrize(
    "name",
    ["send", "unschedule", "pause", "resume", "cancel", "duplicate", "archive", "bring_back", "test"],
)
def test_a_viewer_presses_no_button_and_a_get_does_nothing(client: Client, name: str) -> None:
    client.force_login(make_user(Role.VIEWER))
    address = reverse(f"campaigns:campaign_{name}", args=[make_campaign().public_id])
    assert client.post(address).status_code == 403
    client.force_login(make_user())
    assert client.get(address).status_code == 405
