"""The first page: five answers with exact numbers, or what to do first."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Call, Template
from events.selectors import dashboard
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.services import unsubscribe
from tests.factories.accounts import ViewerFactory
from tests.factories.events import make_person
from tests.factories.stories import make_finished_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(ViewerFactory.create())
    return client


def test_each_step_ticks_when_it_is_done(viewer: Client) -> None:
    def done() -> list[bool]:
        return [step.is_done for step in dashboard.dashboard(installation.get()).steps]

    assert done() == [False] * 4
    installation.update(actor=None, verified_identities=["shop.example"])
    make_person()
    assert done() == [True, True, False, False]
    Template.objects.create(name="x", slug="x")
    Call.objects.create(kind="test", configuration_set="none", lease_until=clock.now())
    assert done() == [True] * 4
    assert "Four steps" not in viewer.get(reverse("events:dashboard")).content.decode()


def test_exact_numbers(viewer: Client) -> None:
    make_finished_campaign()
    month = dashboard.dashboard(installation.get()).month
    assert (month.sent, month.delivered, month.bounced, month.complained, month.joined) == (55, 52, 3, 1, 60)
    text = viewer.get(reverse("events:dashboard")).content.decode()
    assert '<strong>52</strong> <span class="text-secondary">94.5 %</span>' in text


def test_after_a_campaign_only_the_open_steps_are_left(viewer: Client) -> None:
    make_finished_campaign()
    text = viewer.get(reverse("events:dashboard")).content.decode()
    assert "Four steps" not in text
    assert "Still to do" in text
    assert "Send yourself a test" in text
    assert "Import people" not in text


@pytest.mark.parametrize("is_full", [False, True])
def test_at_most_fifteen_queries(viewer: Client, is_full: bool, django_assert_max_num_queries: Any) -> None:
    if is_full:
        make_finished_campaign()
    viewer.get(reverse("events:dashboard"))
    with django_assert_max_num_queries(15):
        assert viewer.get(reverse("events:dashboard")).status_code == 200


def test_quota_sinks_with_what_left_since_it_was_read() -> None:
    row = installation.update(
        actor=None,
        max_24_hour_send=1_000.0,
        sent_last_24_hours=100.0,
        quota_read_at=clock.now() - timedelta(minutes=4),
    )
    Call.objects.create(
        state="recorded", subscriber_ids=list(range(50)), configuration_set="none", lease_until=clock.now()
    )
    assert dashboard.dashboard(row).quota_left == 850


def test_people_who_left_by_any_way_are_counted() -> None:
    for number in range(2):
        person = make_person(f"left-{number}@example.org")
        unsubscribe.leave_all(subscriber_id=person.pk, source="page", method="page")
    assert dashboard.dashboard(installation.get()).month.left == 2


def test_every_day_is_there() -> None:
    assert len(dashboard.dashboard(installation.get()).sent_by_day) == dashboard.DAYS + 1
