"""By local time: an hour that passed while nothing could be sent is asked about, one that is only slow is not."""

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.db.models import F

from campaigns.models import Batch, PauseReason, Run
from campaigns.sending import lateness, prepare, record, states
from campaigns.services import runs, sending_settings
from mailplatform.accounts.models import Installation
from mailplatform.aws import errors
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import Subscriber
from tests.factories import campaigns as factories
from tests.factories.sending import FakeSes, addresses, drain_all, make_list, make_people, make_run

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = dt.timedelta(hours=1)
WALL = "2026-07-01T09:00:00"


def late_run(people: int = 4, *, hours: float, **fields: Any) -> tuple[Run, list[Subscriber]]:
    """A run whose people's hour was so long ago; launched before that, and no worker came since."""
    audience = make_list()
    found = make_people(people, audience)
    run = make_run(audience, local_at=WALL, local_zone="Europe/Berlin")
    due = clock.now() - hours * HOUR
    Batch.objects.filter(run_id=run.pk).update(local_at=due, not_before=due)
    fields.setdefault("launched_at", due - 3 * HOUR)
    Run.objects.filter(pk=run.pk).update(**fields)
    return run, found


def test_workers_that_were_down_over_the_hour_ask_and_resuming_sends(
    site: Installation, fake: FakeSes
) -> None:
    run, people = late_run(hours=14, attended_at=clock.now() - 15 * HOUR)
    assert drain_all(run, fake) is False
    assert (run.state, run.campaign.state, run.paused_by) == ("paused", "paused", "late")
    assert run.pause_reason.startswith(
        "4 people should have got it at their own local time, up to 14 hours ago"
    )
    assert fake.calls == []
    runs.resume_run(run_id=run.pk)
    drain_all(run, fake)
    assert (run.state, fake.accepted) == ("sent", addresses(people))


def test_who_decided_is_not_asked_again_but_about_the_next_hour(site: Installation, fake: FakeSes) -> None:
    run, _ = late_run(hours=14)
    drain_all(run, fake)
    runs.resume_run(run_id=run.pk)
    assert lateness.ask_if_late(run.pk) is False
    # The next zone's hour, two hours later: again nobody was at work.
    Run.objects.filter(pk=run.pk).update(attended_at=clock.now() - 4 * HOUR)
    Batch.objects.filter(run_id=run.pk).update(local_at=clock.now() - 2 * HOUR)
    assert lateness.ask_if_late(run.pk) is True


def test_within_the_limit_it_goes_out(site: Installation, fake: FakeSes) -> None:
    sending_settings.update(actor=None, late_start_minutes=180)
    run, people = late_run(hours=2)
    drain_all(run, fake)
    assert (run.state, fake.accepted) == ("sent", addresses(people))


def test_a_run_that_a_worker_was_at_work_on_is_slow_not_late(site: Installation, fake: FakeSes) -> None:
    run, people = late_run(hours=14, attended_at=clock.now() - HOUR / 2)
    drain_all(run, fake)
    assert (run.state, fake.accepted) == ("sent", addresses(people))


def test_who_waited_for_the_quota_is_not_asked(site: Installation) -> None:
    run, _ = late_run(hours=14, attended_at=clock.now() - 14 * HOUR)
    states.pause(run.pk, by=PauseReason.QUOTA, reason="used up")
    states.resume(run.pk)
    assert lateness.ask_if_late(run.pk) is False


def test_whose_hour_was_past_at_the_launch_is_not_late_by_it(site: Installation) -> None:
    run, _ = late_run(hours=14, launched_at=clock.now())
    assert lateness.ask_if_late(run.pk) is False


def test_a_launch_that_nobody_prepared_for_hours_asks(sandbox: RunningSandbox, fake: FakeSes) -> None:
    audience = make_list()
    make_people(3, audience)
    campaign = factories.make_campaign(local_time=True, scheduled_at=clock.now() - 14 * HOUR)
    campaign.lists.add(audience)
    run = runs.launch(campaign=campaign, actor=None)
    Run.objects.filter(pk=run.pk).update(launched_at=clock.now() - 14 * HOUR)
    assert prepare.prepare(run.pk)
    drain_all(run, fake)
    assert (run.paused_by, fake.calls) == ("late", [])


def test_a_run_that_everybody_gets_at_once_is_never_late(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(3, audience)
    run = make_run(audience)
    Run.objects.filter(pk=run.pk).update(launched_at=clock.now() - 14 * HOUR)
    drain_all(run, fake)
    assert (run.state, run.attended_at, fake.accepted) == ("sent", None, addresses(people))


def test_whoever_is_tried_again_keeps_the_hour(site: Installation, fake: FakeSes) -> None:
    """Amazon is out of reach over the hour: every try makes new batches, and they are as late as the first ones."""
    run, _ = late_run(people=60, hours=0.5)
    fake.script = [fake.fail(errors.NotReachedError("no route"))] * 100_000  # more than fit into the second
    drain_all(run, fake, seconds=1)
    again = Batch.objects.filter(run_id=run.pk).exclude(state="done")
    assert run.state == "sending"
    assert not again.filter(local_at=None).exists()
    assert run.attended_at is None
    again.update(local_at=F("local_at") - HOUR)
    fake.script = []
    drain_all(run, fake)
    assert (run.paused_by, fake.accepted.total()) == ("late", 0)


def test_a_step_that_got_through_is_noted_and_one_that_reached_nobody_is_not(site: Installation) -> None:
    run, _ = late_run(hours=0.5)
    watch = lateness.Watch(run.pk, is_local=True)
    watch.note(record.Tally(retried=50))
    assert Run.objects.get(pk=run.pk).attended_at is None
    watch.note(record.Tally(retried=50, throttled=True))
    noted = Run.objects.get(pk=run.pk).attended_at
    assert noted is not None
    watch.note(record.Tally(accepted=50))
    assert Run.objects.get(pk=run.pk).attended_at == noted
    with time_machine.travel(clock.now() + dt.timedelta(minutes=2), tick=False):
        watch.note(record.Tally())
    assert Run.objects.get(pk=run.pk).attended_at != noted


def test_a_worker_that_slept_over_the_hour_asks_before_its_next_step(site: Installation) -> None:
    run, _ = late_run(hours=0.5, attended_at=clock.now())
    watch = lateness.Watch(run.pk, is_local=True)
    assert watch.is_late() is False
    # For Postgres the hours passed as well; the step that was under way as the machine fell asleep counts for nothing.
    past = clock.now() - 14 * HOUR
    Batch.objects.filter(run_id=run.pk).update(local_at=past)
    Run.objects.filter(pk=run.pk).update(attended_at=past, launched_at=past)
    watch.note(record.Tally(accepted=50))
    with time_machine.travel(clock.now() + 14 * HOUR, tick=False):
        assert watch.is_late() is True
    assert Run.objects.get(pk=run.pk).paused_by == "late"
