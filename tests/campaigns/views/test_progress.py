import csv
import datetime as dt
import io
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import (
    Batch,
    Call,
    Campaign,
    CampaignState,
    Delivery,
    PauseReason,
    Run,
    RunState,
    ScheduleTick,
)
from campaigns.selectors import forecast, recipients, runs
from campaigns.sending import call, cut, plans, record
from campaigns.services import starting
from mailplatform.accounts.models import AuditEntry, Role
from mailplatform.aws import errors
from mailplatform.core import clock
from tests.factories import sending
from tests.factories.campaigns import (
    make_campaign,
    make_ready_campaign,
    make_run,
    make_site,
    make_subscriber,
    make_user,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client: Client) -> Client:
    make_site()
    client.force_login(make_user())
    return client


def launched(state: str = "sending", **fields: Any) -> tuple[Campaign, Run]:
    campaign = make_campaign(state=state)
    return campaign, make_run(campaign, state=state, **fields)


def deliver(run: Run, state: str, reason: str = "", **person: Any) -> None:
    Delivery.objects.create(
        run_id=run.pk, subscriber_id=make_subscriber(**person).pk, state=state, reason=reason, at=clock.now()
    )


def url(campaign: Campaign, name: str) -> str:
    return reverse(f"campaigns:campaign_{name}", args=[campaign.public_id])


@pytest.mark.parametrize(
    ("state", "title"), [("preparing", "It cannot start yet"), ("sending", "It does not get on")]
)
def test_what_is_in_the_way_of_a_run_that_is_not_paused_is_shown(
    marketer: Client, state: str, title: str
) -> None:
    campaign, _ = launched(state, pause_reason="SES could not be reached.")
    page = marketer.get(url(campaign, "progress")).content.decode()
    assert title in page
    assert "SES could not be reached." in page


def test_the_numbers_add_up_to_the_audience() -> None:
    make_site()
    _, run = launched(audience=10, started_at=clock.now())
    for state, reason in (
        ("accepted", ""),
        ("accepted", ""),
        ("skipped", "no_basis"),
        ("failed", "x"),
        ("unresolved", "y"),
    ):
        deliver(run, state, reason)
    shown = runs.progress(run)
    assert (
        shown.audience
        == shown.accepted + shown.failed + shown.skipped + shown.unresolved + shown.waiting
        == 10
    )
    assert (shown.accepted, shown.waiting, shown.handled, shown.is_complete) == (2, 5, 5, False)
    assert shown.rate > 0
    assert shown.eta_seconds is not None
    assert runs.counts_by_reason(run.pk)[0][2] == 1


def test_ux_18_the_page_polls_while_it_moves_and_stops_when_it_is_over(marketer: Client) -> None:
    campaign, run = launched(audience=1)
    assert b'hx-trigger="every 2s"' in marketer.get(url(campaign, "progress")).content
    deliver(run, "accepted")
    Campaign.objects.update(state=CampaignState.SENT)
    Run.objects.update(state=RunState.SENT, finished_at=clock.now())
    page = marketer.get(url(campaign, "progress")).content
    assert b"hx-trigger" not in page
    assert b"100 %" in page


@pytest.mark.parametrize("state", ["sent", "cancelled", "failed"])
def test_nothing_polls_after_the_end(marketer: Client, state: str) -> None:
    campaign, run = launched(state, audience=1)
    deliver(run, "unresolved", "lost_answer")
    assert b"hx-trigger" not in marketer.get(url(campaign, "progress")).content


def test_a_cancelled_campaign_is_watched_until_what_is_in_flight_is_recorded(marketer: Client) -> None:
    campaign, run = launched("cancelled", audience=2)
    Call.objects.create(run_id=run.pk, subscriber_ids=[1, 2], configuration_set="x", lease_until=clock.now())
    assert b"every 2s" in marketer.get(url(campaign, "progress")).content


@pytest.mark.parametrize(
    ("by", "words"),
    [
        ("person", "when somebody presses Resume"),
        ("account", "Mend it in your Amazon account"),
        ("quota", "as soon as the quota has room"),
        ("warm_up", "next day of the warm-up plan"),
        ("late", "Resume sends it to them now"),
    ],
)
def test_each_pause_says_why_and_what_to_do(marketer: Client, by: str, words: str) -> None:
    campaign, _ = launched("paused", audience=2, paused_by=by, pause_reason="Because of this.")
    page = marketer.get(url(campaign, "detail")).content.decode()
    assert "Because of this." in page
    assert words in page
    assert "every 10s" in page


def test_what_waits_for_another_try_or_for_its_own_hour_is_said(marketer: Client) -> None:
    campaign, run = launched(audience=7)
    later = clock.now() + dt.timedelta(hours=5)
    common = {"run_id": run.pk, "template_version_id": 1, "sender_id": 1, "not_before": later}
    Batch.objects.create(number=0, attempt=1, subscriber_ids=[1, 2, 3, 4], count=4, local_at=later, **common)
    Batch.objects.create(number=1, attempt=2, subscriber_ids=[5, 6], count=2, **common)
    page = marketer.get(url(campaign, "progress")).content.decode()
    assert "4 wait for their own local time" in page
    assert "2 are tried again" in page


@pytest.mark.parametrize("frozen", [{}, {"local_at": "2026-07-01T09:00:00", "local_zone": "Europe/Berlin"}])
def test_who_was_throttled_is_tried_again_and_waits_for_no_local_time(
    marketer: Client, frozen: dict[str, Any]
) -> None:
    audience = sending.make_list()
    sending.make_people(7, audience)
    run = sending.make_run(audience, **frozen)
    now = clock.now()
    Batch.objects.filter(local_at__isnull=False).update(local_at=now, not_before=now)
    plan, token = plans.Plan.load(run, "mailplatform"), uuid4()
    made = cut.cut(plan, held=None, token=token, most=3, call_size=3)
    assert made is not None
    busy = errors.call_error(429, "TooManyRequestsException", "Maximum sending rate exceeded.")
    record.record(run.pk, made.batch_id, token, [call.Answer(made.calls[0], error=busy)])
    page = marketer.get(url(run.campaign, "progress")).content.decode()
    assert "3 are tried again from" in page
    assert "local time:" not in page
    assert forecast.for_run(run).limited_by != "local_time"


def test_a_late_start_is_said(marketer: Client) -> None:
    campaign, _ = launched(audience=1, due_at=clock.now() - dt.timedelta(minutes=20))
    assert "about 20 minutes late" in marketer.get(url(campaign, "progress")).content.decode()


def test_a_missed_campaign_asks_and_both_answers_work(marketer: Client, settings: Any) -> None:
    settings.PUBLIC_URL = "https://mail.example.com"
    campaign = make_ready_campaign(people=2)
    due = clock.now() - dt.timedelta(hours=5)
    Campaign.objects.filter(pk=campaign.pk).update(state="scheduled", scheduled_at=due)
    ScheduleTick.objects.create(pk=1, at=due - dt.timedelta(hours=1))
    starting.start_due()
    page = marketer.get(url(campaign, "detail")).content.decode()
    assert "It has not started: it was due" in page
    assert "The system was down from" in page
    assert "Send now to 2 people" in page
    assert "hx-trigger" not in page
    answer = marketer.post(url(campaign, "send"), {"count": "2"})
    assert answer["Location"] == url(campaign, "detail")
    assert "Starting in a few seconds" in marketer.get(url(campaign, "detail")).content.decode()
    Campaign.objects.filter(pk=campaign.pk).update(missed_at=clock.now(), steps_done={})
    assert marketer.post(url(campaign, "unschedule"))["Location"].endswith("/schedule/")


def test_the_safety_stop_says_why_and_offers_to_resume(marketer: Client) -> None:
    campaign, _ = launched(
        "paused", audience=2, paused_by=PauseReason.SAFETY_STOP, pause_reason="7 % bounced at gmail.com."
    )
    page = marketer.get(url(campaign, "detail")).content.decode()
    assert "Stopped by the safety stop" in page
    assert "7 % bounced at gmail.com." in page
    assert "Resume" in page


def test_a_draft_is_shown_in_its_steps(marketer: Client) -> None:
    campaign = make_campaign()
    assert marketer.get(url(campaign, "detail")).status_code == 302
    assert marketer.get(url(campaign, "progress"))["HX-Redirect"].endswith("/review/")


def test_the_progress_asks_few_questions(marketer: Client, django_assert_max_num_queries: Any) -> None:
    campaign, run = launched(audience=30)
    for _ in range(20):
        deliver(run, "skipped", "no_basis")
    with django_assert_max_num_queries(22):
        marketer.get(url(campaign, "progress"))


def test_recipients_page_by_keyset_in_both_directions(monkeypatch: pytest.MonkeyPatch) -> None:
    make_site()
    monkeypatch.setattr(recipients, "PAGE", 2)
    _, run = launched(audience=5)
    for _ in range(5):
        deliver(run, "accepted")
    first = recipients.page(run)
    second = recipients.page(run, after=first.next_after)
    third = recipients.page(run, after=second.next_after)
    assert [len(p.rows) for p in (first, second, third)] == [2, 2, 1]
    assert (first.previous_before, third.next_after) == (0, 0)
    assert recipients.page(run, before=third.previous_before).rows == second.rows
    assert recipients.page(run, before=second.previous_before).rows == first.rows


@pytest.mark.parametrize("query", [{"search": "a\0b"}, {"reason": "\0"}, {"after": "²"}])
def test_recipients_answer_nonsense(marketer: Client, query: dict[str, str]) -> None:
    campaign = make_campaign(state=CampaignState.SENDING)
    make_run(campaign)
    assert marketer.get(url(campaign, "recipients"), query).status_code == 200


def test_recipients_are_filtered_and_an_erased_person_stays_a_row(marketer: Client) -> None:
    campaign, run = launched(audience=3)
    deliver(run, "accepted", email="ann@example.com")
    deliver(run, "skipped", "withdrawn", email="bob_x@example.com")
    Delivery.objects.create(
        run_id=run.pk, subscriber_id=999_999, state="skipped", reason="erased", at=clock.now()
    )
    page = marketer.get(url(campaign, "recipients")).content.decode()
    assert "ann@example.com" in page
    assert "Erased person" in page
    page = marketer.get(
        url(campaign, "recipients"), {"state": "skipped", "reason": "withdrawn"}
    ).content.decode()
    assert "Withdrew the consent to marketing mail" in page
    assert "ann@example.com" not in page
    page = marketer.get(url(campaign, "recipients"), {"search": "BOB_"}).content.decode()
    assert "bob_x@example.com" in page
    assert "ann@example.com" not in page


@pytest.mark.parametrize("query", [{"after": "x"}, {"before": "9" * 30}, {"state": "'; --"}, {"reason": "%"}])
def test_nonsense_in_the_address_harms_nothing(marketer: Client, query: dict[str, str]) -> None:
    campaign, _ = launched(audience=0)
    assert marketer.get(url(campaign, "recipients"), query).status_code == 200


def test_the_export_is_safe_for_spreadsheets_and_logged(marketer: Client) -> None:
    campaign, run = launched(audience=1)
    deliver(run, "accepted", email="ann@example.com", name="=cmd|' /C calc'!A0")
    response = marketer.get(url(campaign, "recipients_csv"))
    rows = list(csv.reader(io.StringIO(b"".join(response).decode())))
    assert rows[0][:3] == ["email", "name", "state"]
    assert rows[1][:3] == ["ann@example.com", "'=cmd|' /C calc'!A0", "accepted"]
    assert AuditEntry.objects.filter(action="recipients.exported").exists()


def test_a_viewer_sees_the_people_and_exports_nobody(client: Client) -> None:
    make_site()
    campaign, _ = launched(audience=0)
    client.force_login(make_user(Role.VIEWER))
    assert client.get(url(campaign, "recipients")).status_code == 200
    assert client.get(url(campaign, "recipients_csv")).status_code == 403


def test_a_campaign_without_run_has_no_recipients(marketer: Client) -> None:
    assert marketer.get(url(make_campaign(), "recipients")).status_code == 404


def test_who_is_unresolved_in_an_earlier_run_is_named_with_a_link(marketer: Client) -> None:
    campaign, first = launched("sent", audience=1)
    deliver(first, "unresolved", "not_resent")
    assert "Unresolved in other runs" not in marketer.get(url(campaign, "detail")).content.decode()
    make_run(campaign, state="sent", number=2, audience=0)
    page = marketer.get(url(campaign, "detail")).content.decode()
    assert "Unresolved in other runs" in page
    assert f'{reverse("events:unresolved", args=[campaign.public_id])}?run=1">Run 1: 1 person</a>' in page
