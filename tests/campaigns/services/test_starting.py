"""What beat starts by itself, when it must ask, and that nothing starts twice."""

import datetime as dt
import threading
from collections.abc import Callable
from typing import Any

import pytest
import time_machine
from django.db import connections

from campaigns.models import Batch, Campaign, Run, ScheduleTick
from campaigns.selectors import campaigns as selectors
from campaigns.sending import freeze, ticks
from campaigns.services import runs, scheduling, sending_settings, starting
from mailplatform.accounts.models import AuditEntry, Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers.models import MailingList, Subscriber, Subscription
from tests.factories import campaigns as factories
from tests.factories import sending

pytestmark = pytest.mark.django_db
MINUTE = dt.timedelta(minutes=1)


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


def _schedule(campaign: Campaign, at: dt.datetime, **values: Any) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(state="scheduled", scheduled_at=at, **values)


def _let_grace_pass(campaign: Campaign) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=clock.now())


def test_what_is_due_starts_and_says_when_it_was_due(campaign: Campaign) -> None:
    at = clock.now() - MINUTE
    _schedule(campaign, at)
    (run_id,) = starting.start_due()
    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_at) == ("preparing", None)
    run = Run.objects.get()
    assert (run.pk, run.due_at) == (run_id, at)
    assert starting.start_due() == []


@pytest.mark.parametrize("state", ["draft", "scheduled"])
def test_what_was_taken_back_or_moved_meanwhile_does_not_start(campaign: Campaign, state: str) -> None:
    _schedule(campaign, clock.now() - MINUTE)
    campaign.refresh_from_db()
    later = clock.now() + dt.timedelta(hours=1)
    Campaign.objects.filter(pk=campaign.pk).update(state=state, scheduled_at=later)
    with pytest.raises(runs.NotDue):
        runs.launch(campaign=campaign, actor=None, only_if_due=True)
    assert not Run.objects.exists()
    campaign.refresh_from_db()
    assert campaign.state == state


def test_what_is_not_due_waits(campaign: Campaign) -> None:
    _schedule(campaign, clock.now() + 5 * MINUTE)
    assert starting.start_due() == []
    _schedule(campaign, clock.now() - dt.timedelta(seconds=1))
    assert len(starting.start_due()) == 1


def test_a_clock_that_runs_fast_starts_nothing_early(campaign: Campaign) -> None:
    at = clock.now() + dt.timedelta(hours=1)
    _schedule(campaign, at)
    with time_machine.travel(at + MINUTE, tick=False):
        assert starting.start_due() == []


def test_a_little_late_starts_and_more_than_that_asks(campaign: Campaign) -> None:
    sending_settings.update(actor=None, late_start_minutes=30)
    other = factories.make_campaign()
    other.lists.set(campaign.lists.all())
    _schedule(campaign, clock.now() - 29 * MINUTE)
    _schedule(other, clock.now() - 31 * MINUTE)
    last = clock.now() - 40 * MINUTE
    ScheduleTick.objects.create(pk=1, at=last)
    assert len(starting.start_due()) == 1
    other.refresh_from_db()
    assert (other.state, other.missed_at is not None) == ("scheduled", True)
    assert other.steps_done["missed"]["down_since"] == last.isoformat()
    assert starting.start_due() == []
    assert AuditEntry.objects.filter(action="campaign.missed").count() == 1


def test_who_answers_a_missed_campaign_may_send_it_now(campaign: Campaign) -> None:
    _schedule(campaign, clock.now() - dt.timedelta(hours=5))
    starting.start_due()
    with pytest.raises(runs.AudienceChanged):
        scheduling.send_now(campaign=campaign, actor=None, confirmed_count=2)
    sent = scheduling.send_now(campaign=campaign, actor=None, confirmed_count=3)
    assert (sent.missed_at, selectors.is_in_grace(sent)) == (None, True)
    assert "missed" not in sent.steps_done
    _let_grace_pass(campaign)
    assert len(starting.start_due()) == 1


def test_or_choose_another_time(campaign: Campaign) -> None:
    _schedule(campaign, clock.now() - dt.timedelta(hours=5))
    starting.start_due()
    draft = scheduling.unschedule(campaign=campaign, actor=None)
    assert (draft.state, draft.scheduled_at, draft.missed_at) == ("draft", None, None)
    assert "missed" not in draft.steps_done
    assert starting.start_due() == []


def test_a_scheduled_campaign_that_waits_for_its_time_cannot_be_sent_now_by_the_way(
    campaign: Campaign,
) -> None:
    _schedule(campaign, clock.now() + dt.timedelta(hours=5))
    with pytest.raises(runs.AlreadyLaunched):
        scheduling.send_now(campaign=campaign, actor=None, confirmed_count=3)


def test_a_restored_database_asks_before_it_sends_what_was_perhaps_sent(campaign: Campaign) -> None:
    """It is only minutes late, but Redis remembers a look at the campaigns after it was due."""
    now = clock.now()
    ticks.note(now)
    ScheduleTick.objects.filter(pk=1).update(at=now - 20 * MINUTE)
    fresh = factories.make_campaign()
    fresh.lists.set(campaign.lists.all())
    _schedule(campaign, now - 10 * MINUTE)
    _schedule(fresh, clock.now())
    (run_id,) = starting.start_due()
    assert Run.objects.get(pk=run_id).campaign == fresh
    campaign.refresh_from_db()
    assert campaign.missed_at is not None
    assert campaign.steps_done["missed"]["restored"] is True


def test_redis_emptied_or_gone_keeps_nothing_from_starting(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    ticks._client.cache_clear()
    try:
        _schedule(campaign, clock.now())
        starting.start_due()
        assert Run.objects.count() == 1
    finally:
        ticks._client.cache_clear()


def test_a_clock_set_back_starts_nothing_twice_and_lets_nobody_wait_for_hours(campaign: Campaign) -> None:
    now = clock.now()
    scheduling.send_now(campaign=campaign, actor=None, confirmed_count=3)
    with time_machine.travel(now - dt.timedelta(hours=6), tick=False):
        assert len(starting.start_due()) == 1
        assert starting.start_due() == []
    with time_machine.travel(now, tick=False):
        assert starting.start_due() == []
    assert Run.objects.count() == 1


def test_a_clock_set_back_leaves_planned_campaigns_to_their_time(campaign: Campaign) -> None:
    at = clock.now() + 5 * MINUTE
    _schedule(campaign, at)
    with time_machine.travel(at - dt.timedelta(hours=6), tick=False):
        assert starting.start_due() == []


def test_a_scheduled_campaign_that_cannot_start_says_why(campaign: Campaign) -> None:
    Subscription.objects.all().delete()
    _schedule(campaign, clock.now())
    assert starting.start_due() == []
    campaign.refresh_from_db()
    assert (campaign.state, campaign.scheduled_at) == ("draft", None)
    assert campaign.steps_done["not_started"] == "Nobody in this audience may be mailed."
    assert AuditEntry.objects.filter(action="campaign.not_started").count() == 1


def test_nine_in_berlin_is_another_instant_after_the_clocks_went_forward(campaign: Campaign) -> None:
    with time_machine.travel("2026-03-20T12:00:00Z", tick=False):
        from campaigns.services import campaigns

        saved = campaigns.save_schedule(
            campaign_id=campaign.pk,
            revision=campaign.revision,
            at=dt.datetime.fromisoformat("2026-03-29T09:00"),
            zone="Europe/Berlin",
        )
        scheduling.schedule(campaign=saved, actor=None, confirmed_count=3)
    with time_machine.travel("2026-03-29T06:59:59Z", tick=False):
        assert starting.start_due() == []
    with time_machine.travel("2026-03-29T07:00:00Z", tick=False):
        assert len(starting.start_due()) == 1


def test_local_time_starts_with_the_first_zone_of_its_people(
    campaign: Campaign, audience: MailingList
) -> None:
    first, second, _ = Subscriber.objects.order_by("pk")
    Subscriber.objects.filter(pk=first.pk).update(time_zone="Asia/Tokyo")
    Subscriber.objects.filter(pk=second.pk).update(time_zone="America/New_York")
    installation.update(actor=None, time_zone="Europe/Berlin")
    wall = dt.datetime.fromisoformat("2026-07-01T09:00:00+02:00")
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=wall, local_time=True)
    with time_machine.travel("2026-06-20T12:00:00Z", tick=False):
        made = scheduling.schedule(campaign=campaign, actor=None, confirmed_count=3)
        assert made.local_start_at == dt.datetime.fromisoformat("2026-07-01T00:00:00Z")
    with time_machine.travel("2026-06-30T23:59:59Z", tick=False):
        assert starting.start_due() == []
    with time_machine.travel("2026-07-01T00:00:00Z", tick=False):
        (run_id,) = starting.start_due()
        run = Run.objects.get(pk=run_id)
        freeze.freeze(run)
    assert (run.frozen["local_at"], run.frozen["local_zone"]) == ("2026-07-01T09:00:00", "Europe/Berlin")
    times = list(Batch.objects.order_by("number").values_list("not_before", flat=True))
    assert [f"{at:%d %H}" for at in times if at] == ["01 00", "01 07", "01 13"]


@pytest.fixture
def by_local_time(campaign: Campaign) -> Campaign:
    """09:00 of the first of July where each is: in Tokyo, in New York, and in Berlin, whose zone is not known."""
    zones = ["Asia/Tokyo", "America/New_York", ""]
    for person, zone in zip(Subscriber.objects.order_by("pk"), zones, strict=True):
        Subscriber.objects.filter(pk=person.pk).update(time_zone=zone)
    installation.update(actor=None, time_zone="Europe/Berlin")
    wall = dt.datetime.fromisoformat("2026-07-01T09:00:00+02:00")
    Campaign.objects.filter(pk=campaign.pk).update(scheduled_at=wall, local_time=True)
    campaign.refresh_from_db()
    return campaign


@pytest.mark.parametrize(
    "now", ["2026-07-01T06:30:00Z", "2026-07-01T00:00:00Z"], ids=["hours ago", "just now"]
)
def test_an_hour_that_is_past_for_some_is_asked_about_and_then_leaves_the_moment_of_grace(
    by_local_time: Campaign, now: str
) -> None:
    with time_machine.travel(now, tick=False):
        with pytest.raises(scheduling.HoursPast, match="For 1 person this hour is past where they are"):
            scheduling.schedule(campaign=by_local_time, actor=None, confirmed_count=3)
        by_local_time.refresh_from_db()
        assert by_local_time.state == "draft"
        made = scheduling.schedule(campaign=by_local_time, actor=None, confirmed_count=3, confirmed_past=1)
        assert made.local_start_at == clock.now() + dt.timedelta(seconds=10)
        assert starting.start_due() == []
        undone = scheduling.unschedule(campaign=made, actor=None)
        assert (undone.state, undone.local_start_at) == ("draft", None)
        scheduling.schedule(campaign=by_local_time, actor=None, confirmed_count=3, confirmed_past=1)
    with time_machine.travel(dt.datetime.fromisoformat(now) + dt.timedelta(seconds=11), tick=False):
        (run_id,) = starting.start_due()
        freeze.freeze(Run.objects.get(pk=run_id))
    times = list(Batch.objects.order_by("number").values_list("not_before", flat=True))
    assert [f"{at:%d %H}" for at in times if at] == ["01 00", "01 07", "01 13"]


def test_more_people_whose_hour_is_past_than_were_confirmed_are_asked_about(by_local_time: Campaign) -> None:
    Subscriber.objects.filter(time_zone="").update(time_zone="Asia/Seoul")
    with (
        time_machine.travel("2026-07-01T06:30:00Z", tick=False),
        pytest.raises(scheduling.HoursPast) as caught,
    ):
        scheduling.schedule(campaign=by_local_time, actor=None, confirmed_count=3, confirmed_past=1)
    assert caught.value.people == 2


def test_whoever_may_not_be_mailed_has_no_hour_that_is_past_and_hurries_nobody(
    by_local_time: Campaign,
) -> None:
    Subscription.objects.filter(subscriber__time_zone="Asia/Tokyo").update(state="unsubscribed")
    with time_machine.travel("2026-07-01T06:30:00Z", tick=False):
        made = scheduling.schedule(campaign=by_local_time, actor=None, confirmed_count=2)
    assert made.local_start_at == dt.datetime.fromisoformat("2026-07-01T07:00:00Z")


def test_a_first_hour_that_comes_within_the_moment_of_grace_waits_for_its_end(
    by_local_time: Campaign,
) -> None:
    with time_machine.travel("2026-06-30T23:59:57Z", tick=False):
        made = scheduling.schedule(campaign=by_local_time, actor=None, confirmed_count=3)
    assert made.local_start_at == dt.datetime.fromisoformat("2026-07-01T00:00:07Z")


def test_sending_at_once_ignores_local_time(campaign: Campaign) -> None:
    Campaign.objects.filter(pk=campaign.pk).update(local_time=True)
    scheduling.send_now(campaign=campaign, actor=None, confirmed_count=3)
    _let_grace_pass(campaign)
    (run_id,) = starting.start_due()
    assert "local_at" not in Run.objects.get(pk=run_id).frozen


def _at_once(work: Callable[[], Any], times: int = 2) -> list[Any]:
    """Run the same thing in several threads, each with a connection of its own."""
    barrier, found = threading.Barrier(times), list[Any]()

    def run() -> None:
        try:
            barrier.wait(10)
            found.append(work())
        except Exception as error:  # noqa: BLE001 - what a thread raises is what is looked at
            found.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return found


@pytest.mark.django_db(transaction=True)
def test_two_beats_at_once_start_it_once(campaign: Campaign) -> None:
    _schedule(campaign, clock.now())
    found = _at_once(starting.start_due)
    assert sorted(map(len, found)) == [0, 1]
    assert Run.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_launching_twice_at_once_launches_once(campaign: Campaign) -> None:
    found = _at_once(lambda: runs.launch(campaign=Campaign.objects.get(pk=campaign.pk), actor=None))
    assert sorted(type(each).__name__ for each in found) == ["AlreadyLaunched", "Run"]
    assert Run.objects.count() == 1
