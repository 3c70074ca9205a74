"""Launch, pause, resume, cancel, and what beat starts."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Campaign, Delivery, PauseReason, Run
from campaigns.sending import states
from campaigns.services import publishing, runs
from mailplatform.accounts.models import AuditEntry, Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.models import MailingList, Segment
from tests.factories import campaigns as factories
from tests.factories import sending

pytestmark = pytest.mark.django_db


@pytest.fixture
def site() -> Installation:
    return factories.make_site(public_url="https://mail.example.com")


@pytest.fixture
def audience(site: Installation) -> MailingList:
    made = sending.make_list()
    sending.make_people(3, made)
    return made


@pytest.fixture
def campaign(audience: MailingList) -> Campaign:
    made = factories.make_campaign(subject="News of {{name}}")
    made.lists.add(audience)
    return made


def test_launch_freezes_everything(campaign: Campaign, audience: MailingList) -> None:
    user = factories.make_user()
    run = runs.launch(campaign=campaign, actor=user, confirmed_count=3)
    assert campaign.state == "preparing"
    assert (run.state, run.number, run.launched_by) == ("preparing", 1, user)
    assert run.frozen == {
        "kind": "marketing",
        "sender": {"name": "Example News", "address": "news@example.com", "reply_to": ""},
        "subject": "News of {{name}}",
        "preheader": run.frozen["preheader"],
        "variables": {},
        "track_opens": False,
        "track_clicks": False,
        "carrier": "own",
        "list_ids": [audience.pk],
        "segment_ids": [],
        "excluded_list_ids": [],
        "excluded_segment_ids": [],
        "segment_chosen": False,
        "company": "Example Ltd",
        "postal_address": "1 High Street\n10115 Berlin",
        "public_url": "https://mail.example.com",
        "rate_limit": None,
        "versions": {"": run.template_version_id},
    }
    assert run.due_at is None
    assert AuditEntry.objects.get(action="campaign.launched").actor == user


def test_the_run_is_enqueued_after_the_commit_only(
    campaign: Campaign, django_capture_on_commit_callbacks: Callable[..., Any]
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:
        runs.launch(campaign=campaign, actor=None)
    assert len(callbacks) == 1


def test_launching_twice_is_refused(campaign: Campaign) -> None:
    stale = Campaign.objects.get(pk=campaign.pk)
    runs.launch(campaign=campaign, actor=None)
    with pytest.raises(runs.AlreadyLaunched, match="already preparing"):
        runs.launch(campaign=stale, actor=None)
    assert Run.objects.count() == 1


@pytest.mark.parametrize("state", ["preparing", "sending", "paused", "sent", "cancelled", "failed"])
def test_only_drafts_and_scheduled_campaigns_launch(campaign: Campaign, state: str) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state=state)
    with pytest.raises(runs.AlreadyLaunched):
        runs.launch(campaign=campaign, actor=None)


def test_launching_to_nobody_is_refused(site: Installation) -> None:
    empty = factories.make_campaign()
    empty.lists.add(sending.make_list())
    with pytest.raises(runs.NobodyToSend):
        runs.launch(campaign=empty, actor=None)
    assert Run.objects.count() == 0
    empty.refresh_from_db()
    assert empty.state == "draft"


def test_launching_to_people_without_a_basis_is_launching_to_nobody(site: Installation) -> None:
    audience = sending.make_list()
    sending.make_people(2, audience, basis="none")
    campaign = factories.make_campaign()
    campaign.lists.add(audience)
    with pytest.raises(runs.NobodyToSend):
        runs.launch(campaign=campaign, actor=None)


def test_what_blocks_is_named(campaign: Campaign) -> None:
    installation.update(actor=None, postal_address="")
    with pytest.raises(runs.NotReady, match="postal address") as caught:
        runs.launch(campaign=campaign, actor=None)
    assert [item.code for item in caught.value.items] == ["no_address"]


def test_a_broken_segment_blocks(campaign: Campaign) -> None:
    rules = {"match": "all", "rules": [{"field": "gone", "operator": "equals", "value": "x"}]}
    campaign.segments.add(Segment.objects.create(name="Broken", rules=rules))
    with pytest.raises(runs.NotReady) as caught:
        runs.launch(campaign=campaign, actor=None)
    assert [item.code for item in caught.value.items] == ["segment_broken"]


def test_a_count_that_changed_asks_again(campaign: Campaign) -> None:
    with pytest.raises(runs.AudienceChanged, match="You confirmed 5 people, but 3") as caught:
        runs.launch(campaign=campaign, actor=None, confirmed_count=5)
    assert (caught.value.confirmed, caught.value.eligible) == (5, 3)


def test_the_versions_of_a_relaunch_are_shared(campaign: Campaign) -> None:
    version = publishing.version_for_campaign(campaign=campaign, actor=None)
    assert runs.launch(campaign=campaign, actor=None).template_version == version


@pytest.mark.parametrize(("kind", "tracked"), [("marketing", True), ("contract", False), ("service", False)])
def test_only_marketing_is_tracked(
    campaign: Campaign, audience: MailingList, kind: str, tracked: bool
) -> None:
    installation.update(actor=None, ses_tracking_acknowledged_at=clock.now())
    sending.make_people(1, audience, contract_basis=True, service_basis=True)
    Campaign.objects.filter(pk=campaign.pk).update(kind=kind, track_opens=True, track_clicks=True)
    run = runs.launch(campaign=campaign, actor=None)
    assert (run.frozen["track_opens"], run.frozen["track_clicks"]) == (tracked, tracked)


def _sending(campaign: Campaign) -> Run:
    run = runs.launch(campaign=campaign, actor=None)
    from campaigns.sending import freeze

    freeze.freeze(run)
    assert states.start(run.pk)
    run.refresh_from_db()
    return run


def test_pause_and_resume(campaign: Campaign, django_capture_on_commit_callbacks: Callable[..., Any]) -> None:
    run = _sending(campaign)
    user = factories.make_user()
    assert runs.pause_run(run_id=run.pk, by=PauseReason.PERSON, reason="lunch", actor=user)
    run.refresh_from_db()
    assert (run.state, run.paused_by, run.pause_reason, run.campaign.state) == (
        "paused",
        "person",
        "lunch",
        "paused",
    )
    assert not runs.pause_run(run_id=run.pk, by=PauseReason.PERSON, reason="again")
    with django_capture_on_commit_callbacks() as callbacks:
        runs.resume_run(run_id=run.pk, actor=user)
    assert len(callbacks) == 1
    run.refresh_from_db()
    assert (run.state, run.paused_by, run.pause_reason) == ("sending", "", "")
    actions = list(AuditEntry.objects.filter(actor=user).order_by("id").values_list("action", flat=True))
    assert actions == ["campaign.paused", "campaign.resumed"]


def test_the_safety_stop_is_shown_apart(campaign: Campaign) -> None:
    run = _sending(campaign)
    assert runs.pause_run(run_id=run.pk, by="safety_stop", reason="7 % bounced")
    run.refresh_from_db()
    assert run.get_paused_by_display() == "Paused by the safety stop"


def test_only_a_paused_run_resumes(campaign: Campaign) -> None:
    run = _sending(campaign)
    with pytest.raises(runs.NotPossible):
        runs.resume_run(run_id=run.pk)


@pytest.mark.parametrize("paused", [False, True])
def test_cancelling_gives_everybody_a_row(campaign: Campaign, paused: bool) -> None:
    run = _sending(campaign)
    if paused:
        runs.pause_run(run_id=run.pk, by=PauseReason.PERSON, reason="")
    runs.cancel_run(run_id=run.pk)
    run.refresh_from_db()
    assert (run.state, run.campaign.state) == ("cancelled", "cancelled")
    assert run.finished_at is not None
    assert sending.states_of(run) == {"skipped": 3}
    assert set(Delivery.objects.values_list("reason", flat=True)) == {"cancelled"}
    with pytest.raises(runs.NotPossible):
        runs.cancel_run(run_id=run.pk)


def test_cancelling_before_the_freeze(campaign: Campaign) -> None:
    run = runs.launch(campaign=campaign, actor=None)
    runs.cancel_run(run_id=run.pk)
    run.refresh_from_db()
    assert run.state == "cancelled"


def test_a_run_waits_for_the_quota_until_its_time(campaign: Campaign) -> None:
    run = _sending(campaign)
    states.pause(run.pk, by=PauseReason.QUOTA, reason="used up", until=clock.now() + dt.timedelta(minutes=10))
    assert runs.resume_after_quota() == []


def test_launch_asks_a_bounded_number_of_questions(
    campaign: Campaign, django_assert_max_num_queries: Callable[..., Any]
) -> None:
    with django_assert_max_num_queries(70, connection=connection):
        runs.launch(campaign=campaign, actor=None)
