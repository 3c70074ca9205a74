import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, CampaignState, Delivery, PauseReason, Run, RunState
from campaigns.selectors import recipients, runs
from mailplatform.accounts.models import AuditEntry, Role
from mailplatform.core import clock
from tests.factories.campaigns import make_campaign, make_run, make_site, make_subscriber, make_user

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


def test_the_page_polls_while_it_moves_and_stops_when_it_is_over(marketer: Client) -> None:
    campaign, run = launched(audience=1)
    assert b'hx-trigger="every 2s"' in marketer.get(url(campaign, "progress")).content
    deliver(run, "accepted")
    Campaign.objects.update(state=CampaignState.SENT)
    Run.objects.update(state=RunState.SENT, finished_at=clock.now())
    page = marketer.get(url(campaign, "progress")).content
    assert b"hx-trigger" not in page
    assert b"100 %" in page


def test_unresolved_people_keep_it_moving(marketer: Client) -> None:
    campaign, run = launched("sent", audience=1)
    deliver(run, "unresolved", "lost_answer")
    assert b"hx-trigger" in marketer.get(url(campaign, "progress")).content


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
    with django_assert_max_num_queries(10):
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
