"""Campaigns by API: made, scheduled and paused with what blocks it on the pages blocking it here."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client

from campaigns.models import Campaign, CampaignState, Run, RunState
from mailplatform.accounts.services import api_tokens
from mailplatform.core import clock
from tests.factories.accounts import AdminFactory
from tests.factories.campaigns import make_campaign, make_list, make_ready_campaign, make_run, make_template

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _https(settings: Any) -> None:
    settings.PUBLIC_URL = "https://mail.example.com"


@pytest.fixture
def call() -> Any:
    client = Client()
    _, secret = api_tokens.make(name="test", scopes=api_tokens.SCOPES, owner=AdminFactory.create())
    headers = {"authorization": f"Bearer {secret}"}

    def ask(method: str, path: str, data: Any = None) -> Any:
        options: dict[str, Any] = {"headers": headers}
        if method != "get":
            options |= {"data": data or {}, "content_type": "application/json"}
        return getattr(client, method)(f"/api/v1/campaigns{path}", **options)

    return ask


def later(**change: Any) -> dict[str, Any]:
    at = (clock.now() + dt.timedelta(days=1)).replace(tzinfo=None, microsecond=0).isoformat()
    return {"at": at, "zone": "UTC", "confirmed_count": 3} | change


def test_a_draft_is_made_with_audience_and_template(call: Any) -> None:
    given = {
        "name": "Spring", "lists": [str(make_list().public_id)], "template": str(make_template().public_id),
        "subject": "Hello",
    }  # fmt: skip
    made = call("post", "", given)
    assert made.status_code == 201
    campaign = Campaign.objects.get()
    assert (campaign.name, campaign.subject, campaign.lists.count()) == ("Spring", "Hello", 1)
    nobody = "00000000-0000-0000-0000-000000000000"
    assert call("post", "", given | {"template": nobody}).json()["code"] == "unknown_template"
    assert call("post", "", given | {"lists": [nobody]}).json()["code"] == "unknown_list"
    assert Campaign.objects.count() == 1


def test_a_ready_campaign_is_scheduled_and_paused(call: Any) -> None:
    campaign = make_ready_campaign(people=3)
    at = f"/{campaign.public_id}"
    assert call("get", f"{at}/audience").json() == {"eligible": 3}
    assert call("post", f"{at}/schedule", later(confirmed_count=2)).json()["code"] == "changed"
    assert call("post", f"{at}/schedule", later(zone="Nowhere")).json()["code"] == "not_ready"
    assert call("post", f"{at}/schedule", later()).json()["state"] == "scheduled"
    assert call("post", f"{at}/schedule", later()).status_code == 409
    assert call("post", f"{at}/pause").json()["state"] == "draft"
    assert call("post", f"{at}/pause").json()["code"] == "not_running"


def test_what_is_not_ready_is_refused_and_stays_a_draft(call: Any) -> None:
    campaign = make_campaign()
    assert call("post", f"/{campaign.public_id}/schedule", later()).status_code == 422
    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_at) == (CampaignState.DRAFT, None)


def test_a_run_is_paused_and_goes_on(call: Any) -> None:
    run = make_run(state=RunState.SENDING)
    at = f"/{run.campaign.public_id}"
    paused = call("post", f"{at}/pause").json()
    assert paused["progress"]["state"] == "paused"
    assert Run.objects.get().paused_by == "person"
    assert call("post", f"{at}/resume").json()["progress"]["state"] == "sending"
    assert call("post", f"{at}/resume").json()["code"] == "not_paused"
    assert call("get", at).json()["progress"]["waiting"] >= 0


def test_campaigns_come_by_page(call: Any) -> None:
    for _ in range(3):
        make_campaign()
    first = call("get", "?limit=2").json()
    second = call("get", f"?limit=2&before={first['next']}").json()
    assert [len(first["items"]), len(second["items"]), second["next"]] == [2, 1, None]
    assert call("get", "/00000000-0000-0000-0000-000000000000").status_code == 404
