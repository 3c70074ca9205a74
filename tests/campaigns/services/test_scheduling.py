import datetime as dt
from typing import Any

import pytest

from campaigns.models import CampaignState
from campaigns.selectors import campaigns as selectors
from campaigns.services import runs, scheduling, starting
from mailplatform.core import clock
from tests.factories.campaigns import make_campaign, make_ready_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _https(settings: Any) -> None:
    settings.PUBLIC_URL = "https://mail.example.com"


def test_ux_16_send_leaves_a_moment_to_undo_in_which_nothing_leaves() -> None:
    campaign = make_ready_campaign()
    sent = scheduling.send_now(campaign=campaign, actor=None, confirmed_count=3)
    assert (sent.state, sent.runs.count()) == (CampaignState.SCHEDULED, 0)
    assert sent.scheduled_at is not None
    assert dt.timedelta(0) < sent.scheduled_at - clock.now() <= dt.timedelta(seconds=10)
    undone = scheduling.unschedule(campaign=campaign, actor=None)
    assert (undone.state, undone.scheduled_at) == (CampaignState.DRAFT, None)
    assert starting.start_due() == []


def test_a_second_click_is_answered_and_starts_nothing() -> None:
    campaign = make_ready_campaign()
    scheduling.send_now(campaign=campaign, actor=None, confirmed_count=3)
    with pytest.raises(runs.AlreadyLaunched):
        scheduling.send_now(campaign=campaign, actor=None, confirmed_count=3)


def test_the_confirmed_number_must_still_be_true() -> None:
    campaign = make_ready_campaign()
    with pytest.raises(runs.AudienceChanged) as caught:
        scheduling.send_now(campaign=campaign, actor=None, confirmed_count=4)
    assert (caught.value.confirmed, caught.value.eligible) == (4, 3)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT


def test_nobody_is_said_plainly() -> None:
    campaign = make_ready_campaign(people=0)
    with pytest.raises(runs.NobodyToSend):
        scheduling.send_now(campaign=campaign, actor=None, confirmed_count=0)


def test_what_blocks_is_passed_on() -> None:
    campaign = make_ready_campaign(sender=None)
    with pytest.raises(runs.NotReady, match="Choose a sender"):
        scheduling.send_now(campaign=campaign, actor=None, confirmed_count=3)


def test_a_chosen_time_stays_after_taking_back() -> None:
    at = clock.now() + dt.timedelta(days=1)
    campaign = make_ready_campaign(scheduled_at=at)
    scheduled = scheduling.schedule(campaign=campaign, actor=None, confirmed_count=3)
    assert (scheduled.state, scheduled.scheduled_at) == (CampaignState.SCHEDULED, at)
    assert not selectors.is_in_grace(scheduled)
    assert scheduling.unschedule(campaign=campaign, actor=None).scheduled_at == at


def test_without_a_time_nothing_is_scheduled() -> None:
    with pytest.raises(scheduling.NoTimeChosen):
        scheduling.schedule(campaign=make_ready_campaign(), actor=None, confirmed_count=3)


def test_what_has_started_cannot_be_taken_back() -> None:
    with pytest.raises(scheduling.NotScheduled):
        scheduling.unschedule(campaign=make_campaign(state=CampaignState.SENDING), actor=None)
