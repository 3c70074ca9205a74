"""The page about sending."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Delivery, Run
from campaigns.services import sending_settings
from mailplatform.accounts.models import AuditEntry, Role
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.campaigns import make_ready_campaign, make_run, make_site, make_user

pytestmark = pytest.mark.django_db

PAGE = "/settings/sending/"


@pytest.fixture
def admin(client: Client) -> Client:
    make_site(quota_read_at=clock.now())
    client.force_login(make_user(role=Role.ADMIN))
    return client


def save(client: Client, section: str, **data: Any) -> tuple[int, str]:
    answer = client.post(PAGE, {"section": section, **data})
    if answer.status_code == 302:
        return 302, client.get(PAGE).content.decode()
    return answer.status_code, answer.content.decode()


def test_an_administrator_keeps_a_plan_and_sees_todays_place(admin: Client) -> None:
    today = clock.now().date()
    status, page = save(
        admin, "warm_up", warm_up_started_on=str(today - dt.timedelta(days=1)), warm_up_plan="100, 200\n400"
    )
    assert status == 302
    assert "0 of 200 recipients are used" in page
    row = sending_settings.get()
    assert row.warm_up_plan == [100, 200, 400]
    entry = AuditEntry.objects.get(action="sending_settings.changed")
    assert entry.detail["warm_up_plan"] == [[], [100, 200, 400]]


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ("100 two", "Day 2"),
        ("0", "Day 1"),
        ("-5", "Day 1"),
        ("1.5", "Day 1"),
        ("²", "Day 1"),
        ("9" * 11, "Day 1"),
        ("1 " * 121, "at most 120 days"),
        ("", "Give the number of recipients"),
    ],
)
def test_a_bad_plan_changes_nothing_and_says_which_day(admin: Client, plan: str, words: str) -> None:
    status, page = save(admin, "warm_up", warm_up_started_on="2026-11-22", warm_up_plan=plan)
    assert status == 422
    assert words in page
    assert sending_settings.get().warm_up_started_on is None


@pytest.mark.parametrize("date", ["2026-02-30", "soon", "²"])
def test_a_bad_first_day_is_refused(admin: Client, date: str) -> None:
    status, _ = save(admin, "warm_up", warm_up_started_on=date, warm_up_plan="100")
    assert status == 422


def test_the_rules_are_kept(admin: Client) -> None:
    status, page = save(admin, "rules", grace_seconds="0", late_start_minutes="90", resend_by_itself="on")
    assert status == 302
    row = sending_settings.get()
    assert (row.grace_seconds, row.late_start_minutes, row.resend_by_itself) == (0, 90, True)
    assert 'value="90"' in page


@pytest.mark.parametrize(
    "data",
    [
        {"grace_seconds": "601", "late_start_minutes": "60"},
        {"grace_seconds": "-1", "late_start_minutes": "60"},
        {"grace_seconds": "10", "late_start_minutes": "0"},
        {"grace_seconds": "", "late_start_minutes": "60"},
        {"grace_seconds": "x", "late_start_minutes": "99999999"},
    ],
)
def test_rules_out_of_bounds_are_refused(admin: Client, data: dict[str, str]) -> None:
    assert save(admin, "rules", **data)[0] == 422
    assert sending_settings.get().grace_seconds == 10


def test_an_unknown_section_changes_nothing(admin: Client) -> None:
    assert save(admin, "nothing", grace_seconds="5")[0] == 422


def test_a_marketer_reads_and_may_not_change(client: Client) -> None:
    make_site(quota_read_at=clock.now())
    client.force_login(make_user(role=Role.MARKETER))
    page = client.get(PAGE).content.decode()
    assert "An administrator can change this" in page
    assert "Save" not in page
    assert (
        client.post(PAGE, {"section": "rules", "grace_seconds": "1", "late_start_minutes": "1"}).status_code
        == 403
    )


def test_a_viewer_and_a_stranger_do_not_see_it(client: Client) -> None:
    make_site()
    assert client.get(PAGE).status_code == 302
    client.force_login(make_user(role=Role.VIEWER))
    assert client.get(PAGE).status_code == 403


def test_before_the_first_reading_the_page_says_what_is_assumed(client: Client) -> None:
    make_site(quota_read_at=None)
    client.force_login(make_user(role=Role.ADMIN))
    assert "Not read yet" in client.get(PAGE).content.decode()


def test_an_account_that_cannot_be_read_is_said(admin: Client, settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    page = admin.post(reverse("campaigns:read_account"), follow=True).content.decode()
    assert "Amazon SES did not tell" in page


@pytest.mark.django_db(transaction=True)
def test_read_now_wakes_who_waits_for_the_quota(sandbox: RunningSandbox, client: Client) -> None:
    client.force_login(make_user(role=Role.ADMIN))
    later = clock.now() + dt.timedelta(hours=5)
    run = make_run(state="paused", paused_by="quota", not_before=later)
    other = make_run(state="paused", paused_by="person", not_before=later)
    installation.update(actor=None, max_send_rate=1.0)
    page = client.post(reverse("campaigns:read_account"), follow=True).content.decode()
    assert "per second" in page
    assert installation.get().max_send_rate > 1000
    assert Run.objects.filter(pk=run.pk, not_before__lt=later).exists()
    assert Run.objects.get(pk=other.pk).not_before == later


PRICES = {
    "currency": "EUR",
    "price_per_thousand": "0.09",
    "price_per_gigabyte": "0",
    "price_of_options": "0",
    "price_per_thousand_events": "0.001",
}


def test_prices_are_kept_and_review_and_report_count_with_them(admin: Client) -> None:
    assert save(admin, "prices", **PRICES)[0] == 302
    campaign = make_ready_campaign()
    review = admin.get(
        reverse("campaigns:campaign_step", args=[campaign.public_id, "review"])
    ).content.decode()
    assert "About less than 0.01 EUR at Amazon, with events" in review
    run = make_run(campaign, state="sent", audience=0)
    Delivery.objects.bulk_create(
        Delivery(run_id=run.pk, subscriber_id=number, state="accepted", at=clock.now())
        for number in range(1000)
    )
    Run.objects.filter(pk=run.pk).update(audience=1000)
    report = admin.get(reverse("events:campaign_report", args=[campaign.public_id])).content.decode()
    assert "<dt>Cost at Amazon, about</dt><dd>0.09 EUR</dd>" in report


@pytest.mark.parametrize(
    "wrong",
    [
        {"currency": "euro"},
        {"price_per_thousand": "-1"},
        {"price_per_gigabyte": "x"},
        {"price_of_options": ""},
    ],
)
def test_a_price_that_is_none_is_said_at_its_field(admin: Client, wrong: dict[str, str]) -> None:
    status, page = save(admin, "prices", **{**PRICES, **wrong})
    assert status == 422
    assert "mp-errors" in page
    assert sending_settings.get().currency == "USD"
