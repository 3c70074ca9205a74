"""Limits are edited in per cent; a preview shows which earlier campaigns they would have stopped."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Run
from events import ingest
from events.services import digesting, policies
from mailplatform.core import clock
from tests.factories.accounts import AdminFactory, UserFactory
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload

pytestmark = pytest.mark.django_db
GOOD: dict[str, Any] = {
    "bounce_rate": "5", "bounces": "20", "complaint_rate": "0.1", "complaints": "5", "accepted": "1000",
    "rendering_rate": "2", "rendering_failures": "20", "soft_bounces_count": "on", "soft_bounces": "4",
    "soft_bounce_days": "30",
}  # fmt: skip


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(AdminFactory.create())
    return client


def make_bad_run() -> Run:
    run = make_run(state="sent")
    Run.objects.filter(pk=run.pk).update(started_at=clock.now(), audience=12)
    people = [make_person() for _ in range(12)]
    for person in people:
        make_delivery(run, person)
    ingest.take_in([inbound(payload("Delivery", run, person)) for person in people])
    ingest.take_in([inbound(payload("Bounce", run, person)) for person in people[:4]])
    digesting.digest_runs()
    return run


def test_limits_are_saved_as_parts_of_one(admin: Client) -> None:
    response = admin.post(reverse("events:policy"), {**GOOD, "complaint_rate": "0.08", "action": "save"})
    assert response.status_code == 302
    assert policies.get().complaint_rate == 0.0008
    assert policies.get().bounce_rate == 0.05


def test_preview_names_the_campaigns_and_saves_nothing(admin: Client) -> None:
    run = make_bad_run()
    text = admin.get(reverse("events:policy")).content.decode()
    assert run.campaign.name in text
    assert "mails bounced in all" not in text
    trial = {**GOOD, "accepted": "10", "bounces": "3", "action": "preview"}
    text = admin.post(
        reverse("events:policy"), trial, headers={"HX-Request": "true", "HX-Target": "tripped"}
    ).content.decode()
    assert "4 of 12 mails bounced in all" in text
    assert "<html" not in text
    assert policies.get().accepted == 1_000


@pytest.mark.parametrize(
    "change", [{"bounce_rate": "0"}, {"bounces": "x"}, {"soft_bounces": "1"}, {"accepted": ""}]
)
def test_limit_that_makes_no_sense_is_refused(admin: Client, change: dict[str, str]) -> None:
    before = policies.update(actor=None).updated_at
    assert admin.post(reverse("events:policy"), {**GOOD, **change, "action": "save"}).status_code == 422
    assert policies.get().updated_at == before


def test_marketers_look_and_may_not_change_limits(client: Client) -> None:
    client.force_login(UserFactory.create())
    text = client.get(reverse("events:policy")).content.decode()
    assert "An administrator can change this." in text
    assert 'value="save"' not in text
    assert client.post(reverse("events:policy"), {**GOOD, "action": "save"}).status_code == 403


def test_campaigns_of_more_than_ninety_days_ago_are_not_tried(admin: Client) -> None:
    run = make_bad_run()
    Run.objects.update(launched_at=clock.now() - timedelta(days=91))
    assert run.campaign.name not in admin.get(reverse("events:policy")).content.decode()
