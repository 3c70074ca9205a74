"""Owners hear by mail what became of their campaigns: once for each state, and not what they did themselves."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail

from campaigns.models import Campaign, CampaignState, PauseReason, Run, RunState
from campaigns.services import approval, runs, telling
from mailplatform.accounts.models import Role, User
from mailplatform.accounts.services import audit
from mailplatform.core import clock
from tests.factories.campaigns import make_campaign, make_run, make_site, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _outbox(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    make_site(public_url="https://mail.example.com")


@pytest.fixture
def owner() -> User:
    return make_user(name="Olga Owner")


def launched(owner: User | None, state: str = "sent", **fields: Any) -> Run:
    campaign = make_campaign(name="March", owner=owner, state=CampaignState(state))
    return make_run(campaign, state=RunState(state), audience=0, launched_by=owner, **fields)


def told() -> list[tuple[str, str]]:
    """Who was told what by the next look."""
    mail.outbox.clear()
    telling.tell_owners()
    return [(message.to[0], str(message.subject)) for message in mail.outbox]


def test_a_finished_campaign_is_told_once_with_numbers_and_the_report(owner: User) -> None:
    launched(owner)
    assert told() == [(owner.email, "“March” is sent")]
    assert "https://mail.example.com/campaigns/" in mail.outbox[0].body
    assert "/report/" in mail.outbox[0].body
    assert told() == []


@pytest.mark.parametrize(
    ("by", "words"),
    [
        (PauseReason.ACCOUNT, "It goes on when somebody presses Resume."),
        (PauseReason.QUOTA, "It goes on by itself."),
        (PauseReason.PERSON, "Paused by a person"),
    ],
)
def test_a_pause_says_why_and_what_follows(owner: User, by: PauseReason, words: str) -> None:
    launched(owner, "paused", paused_by=by, pause_reason="Because.")
    assert told() == [(owner.email, "“March” is paused")]
    assert words in mail.outbox[0].body
    assert "Because." in mail.outbox[0].body


def test_what_the_safety_stop_says_itself_is_not_said_twice(owner: User) -> None:
    launched(owner, "paused", paused_by=PauseReason.SAFETY_STOP)
    assert told() == []


def test_who_pressed_pause_knows_it_and_a_colleague_s_pause_is_told(owner: User) -> None:
    run = launched(owner, "sending")
    runs.pause_run(run_id=run.pk, by=PauseReason.PERSON, reason="by hand", actor=owner)
    assert told() == []
    runs.resume_run(run_id=run.pk, actor=owner)
    assert told() == []
    runs.pause_run(run_id=run.pk, by=PauseReason.PERSON, reason="by hand", actor=make_user())
    assert told() == [(owner.email, "“March” is paused")]
    runs.resume_run(run_id=run.pk, actor=owner)
    runs.pause_run(run_id=run.pk, by=PauseReason.PERSON, reason="by hand", actor=make_user())
    assert told() == [(owner.email, "“March” is paused")]
    other = launched(owner, "sending")
    runs.pause_run(run_id=other.pk, by=PauseReason.PERSON, reason="by hand", actor=make_user())
    assert told() == [(owner.email, "“March” is paused")]


def test_waiting_for_the_quota_is_told_once_a_run_and_a_new_stop_by_amazon_again(owner: User) -> None:
    run = launched(owner, "paused", paused_by=PauseReason.QUOTA)
    seen = []
    for by in (PauseReason.QUOTA, PauseReason.ACCOUNT, PauseReason.QUOTA, PauseReason.ACCOUNT):
        Run.objects.filter(pk=run.pk).update(paused_by=by)
        seen.append(len(told()))
        audit.record(actor=None, action="campaign.resumed", obj=run.campaign)
    assert seen == [1, 1, 0, 1]


def test_a_failure_a_missed_start_and_one_that_could_not_start(owner: User) -> None:
    launched(owner, "failed", pause_reason="The sum is wrong.")
    assert told() == [(owner.email, "“March” failed")]
    assert "The sum is wrong." in mail.outbox[0].body
    make_campaign(name="Late", owner=owner, state=CampaignState.SCHEDULED, missed_at=clock.now())
    assert told() == [(owner.email, "“Late” has not started")]
    make_campaign(name="Mend", owner=owner, steps_done={"not_started": "Choose a sender."})
    assert told() == [(owner.email, "“Mend” did not start")]
    assert "Choose a sender." in mail.outbox[0].body
    assert told() == []
    audit.record(actor=None, action="campaign.not_started", obj=Campaign.objects.get(name="Mend"))
    assert told() == [(owner.email, "“Mend” did not start")]


def test_without_an_owner_administrators_hear_of_trouble_and_nobody_of_success() -> None:
    admin = make_user(Role.ADMIN)
    launched(None)
    assert told() == []
    launched(None, "failed")
    assert told() == [(admin.email, "“March” failed")]


def test_old_news_is_no_news(owner: User) -> None:
    launched(owner)
    Campaign.objects.update(updated_at=clock.now() - timedelta(days=2))
    assert told() == []


def test_colleagues_are_asked_to_approve_and_the_asker_is_not(owner: User) -> None:
    other = make_user()
    make_user(Role.VIEWER)
    approval.request(campaign=make_campaign(name="April"), actor=owner)
    assert told() == [(other.email, "Please approve “April”")]
    assert "Olga Owner asks you" in mail.outbox[0].body
    assert told() == []


def test_what_could_not_be_sent_now_is_told_later(owner: User, settings: Any) -> None:
    make_site(account_id="000000009107", access_key_id="AKIDEXAMPLE", secret_access_key="secret")
    launched(owner)
    settings.EMAIL_BACKEND = "campaigns.mail_backend.SesBackend"
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    assert telling.tell_owners() == 0
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert told() == [(owner.email, "“March” is sent")]
