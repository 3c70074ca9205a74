"""From the report to those who failed and to those of whom nobody knows."""

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import RunState
from mailplatform.accounts.models import Role
from tests.factories.campaigns import make_user
from tests.factories.events import make_delivery, make_person, make_run

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("state", ["accepted", "failed", "unresolved"])
def test_the_report_leads_to_what_can_be_done(client: Client, state: str) -> None:
    run = make_run(state=RunState.SENT, audience=1)
    make_delivery(run, make_person(), state=state)
    client.force_login(make_user(Role.MARKETER))
    text = client.get(reverse("events:campaign_report", args=[run.campaign.public_id])).content.decode()
    decide = reverse("events:unresolved", args=[run.campaign.public_id])
    people = reverse("campaigns:campaign_recipients", args=[run.campaign.public_id])
    assert (f"{decide}?run=1" in text) is (state == "unresolved")
    assert (f"{people}?state=failed&amp;run=1" in text) is (state == "failed")
