"""The first page: five answers with exact numbers, or what to do first."""

from datetime import time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Call, Delivery, Occurrence, Template
from campaigns.recurrence import Rule
from campaigns.services import approval, recurring
from events.models import DeadLetter
from events.selectors import dashboard
from mailplatform.accounts.models import Role
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.services import rights, unsubscribe
from tests.factories.accounts import ViewerFactory
from tests.factories.campaigns import make_campaign, make_run, make_user
from tests.factories.events import make_person
from tests.factories.stories import make_finished_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(ViewerFactory.create())
    return client


def test_ux_02_empty_states_teach_and_each_step_ticks_when_it_is_done(viewer: Client) -> None:
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


def test_ux_01_the_dashboard_answers_with_exact_numbers(viewer: Client) -> None:
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


def _needs(client: Client) -> list[str]:
    return [need.title for need in client.get(reverse("events:dashboard")).context["needs"]]


def test_what_needs_a_marketer_is_named_and_leads_to_its_page(client: Client) -> None:
    marketer = make_user()
    client.force_login(marketer)
    assert _needs(client) == []
    paused = make_campaign(name="Paused", state="paused")
    make_run(paused, state="paused", paused_by="safety_stop", pause_reason="Too many bounces.")
    make_run(make_campaign(name="Quota", state="paused"), state="paused", paused_by="quota")
    make_run(make_campaign(name="Broken", state="failed"), state="failed", pause_reason="The sum is wrong.")
    make_campaign(name="Late", state="scheduled", missed_at=clock.now())
    make_campaign(name="Draft", steps_done={"not_started": "Choose a sender."})
    run = make_run(make_campaign(name="Lost", state="sent"), state="sent", audience=1)
    Delivery.objects.create(run_id=run.pk, subscriber_id=1, state="unresolved", reason="lost", at=clock.now())
    digest = make_campaign(name="Digest")
    rule = Rule("daily", time(9), "UTC")
    series = recurring.repeat(campaign=digest, rule=rule, send_unchanged=False, actor=None)
    Occurrence.objects.create(series=series, due_at=clock.now(), skipped="nothing_new")
    assert len(_needs(client)) == 5
    Occurrence.objects.create(series=series, due_at=clock.now(), skipped="not_approved")
    approval.request(campaign=make_campaign(name="Asked"), actor=make_user())
    approval.request(campaign=make_campaign(name="Own"), actor=marketer)
    assert set(_needs(client)) == {
        "“Paused” is paused",
        "“Broken” failed",
        "“Late” has not started",
        "“Draft” could not start",
        "1 person waits for your decision in “Lost”",
        "“Digest” was left out at its last time",
        "“Asked” waits for your approval",
    }
    page = client.get(reverse("events:dashboard")).content.decode()
    assert f'href="{reverse("campaigns:campaign_detail", args=[paused.public_id])}"' in page
    assert "Too many bounces." in page
    assert "Choose a sender." in page


def test_an_administrator_sees_requests_due_and_what_could_not_be_read(client: Client) -> None:
    client.force_login(make_user(Role.ADMIN))
    rights.open_case(
        kind="access", email="a@example.org", received_on=clock.now().date() - timedelta(days=27)
    )
    rights.open_case(kind="access", email="b@example.org", received_on=clock.now().date())
    DeadLetter.objects.create(reason="bad", body=b"x")
    installation.update(actor=None, enforcement_status="PROBATION")
    assert _needs(client) == [
        "Amazon SES has put your account under review",
        "1 privacy request due within a week",
        "1 message from Amazon could not be read",
    ]
    installation.update(actor=None, sending_enabled=False)
    assert _needs(client)[0] == "Amazon SES has stopped your account"


def test_a_viewer_is_needed_for_nothing(viewer: Client) -> None:
    make_run(make_campaign(state="paused"), state="paused", paused_by="person")
    assert _needs(viewer) == []


def test_at_most_fifteen_queries_for_an_administrator(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    client.force_login(make_user(Role.ADMIN))
    make_finished_campaign()
    client.get(reverse("events:dashboard"))
    with django_assert_max_num_queries(15):
        assert client.get(reverse("events:dashboard")).status_code == 200
