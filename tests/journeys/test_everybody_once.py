"""How mailings went wrong elsewhere: stopped in the middle, and half the list was not mailed, or mailed again.

In each situation everybody has exactly one end, the rows say who and why, and nobody is mailed twice.
"""

import datetime as dt
import uuid

import pytest

from campaigns import periodic
from campaigns.models import Batch, Call, Campaign, PauseReason, Run
from campaigns.selectors import recipients
from campaigns.selectors import sending as work
from campaigns.sending import cut, plans, recover, timing
from campaigns.services import runs, sending_settings, starting
from mailplatform.accounts.services import installation
from mailplatform.aws import errors
from mailplatform.core import clock
from subscribers.models import MailingList, Subscriber
from tests.campaigns.conftest import fake
from tests.factories import campaigns as factories
from tests.factories.sending import (
    FakeSes,
    drain_all,
    expire,
    states_of,
)
from tests.journeys.everybody import PEOPLE, and_then, check_everybody_once, pause, people, run

__all__ = ["fake", "people", "run"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site")]

QUOTA_WORDS = "Daily message quota exceeded."


def test_a_worker_that_dies_after_taking_people_does_not_finish_the_campaign_without_them(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    plan = plans.Plan.load(run, "mailplatform")
    taken = cut.cut(plan, held=None, token=uuid.uuid4(), most=50, call_size=50)
    assert taken is not None
    drain_all(run, fake, seconds=1)
    # Nobody came back to say what became of the fifty: the campaign is not through.
    assert run.state == "sending"
    assert fake.accepted.total() == 0 or fake.accepted.total() == PEOPLE - 50
    expire()
    recover.recover()
    drain_all(run, fake)
    assert (run.state, states_of(run)) == ("sent", {"accepted": PEOPLE - 50, "unresolved": 50})
    unsent = {person.email for person in people} - set(fake.accepted)
    assert {row.email for row in recipients.stream(run, state="unresolved")} == unsent


def test_pausing_and_resuming_mails_nobody_twice(run: Run, people: list[Subscriber], fake: FakeSes) -> None:
    for _ in range(2):
        fake.script = [and_then(fake, lambda: pause(run))]
        drain_all(run, fake)
        assert run.state in {"paused", "sent"}
        if run.state == "paused":
            runs.resume_run(run_id=run.pk)
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


@pytest.mark.parametrize(
    "error",
    [
        errors.call_error(400, "AccountSuspendedException", "suspended"),
        errors.call_error(403, "InvalidSignatureException", "wrong key"),
        errors.call_error(400, "SendingPausedException", "paused"),
    ],
    ids=["suspended", "wrong-key", "paused"],
)
def test_resuming_after_an_error_goes_on_where_it_stopped(
    run: Run, people: list[Subscriber], fake: FakeSes, error: errors.SesError
) -> None:
    fake.script = [fake.accept, fake.fail(error)]
    drain_all(run, fake)
    assert (run.state, run.paused_by) == ("paused", PauseReason.ACCOUNT)
    assert 0 < fake.accepted.total() < PEOPLE
    fake.script.clear()
    runs.resume_run(run_id=run.pk)
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_a_pause_and_a_restart_do_not_finish_the_campaign_early(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    pause(run)
    drain_all(run, fake)
    # The restart: every task is gone, only Postgres knows.
    periodic.reissue()
    periodic.recover_leases()
    run.refresh_from_db()
    assert (run.state, fake.calls) == ("paused", [])
    runs.resume_run(run_id=run.pk)
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_settings_saved_while_sending_do_not_finish_the_campaign(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    def save() -> None:
        installation.update(actor=None, company="Renamed Ltd", sender_name="Other", reply_to="a@example.com")
        sending_settings.update(actor=None, grace_seconds=0, late_start_minutes=5)

    fake.script = [and_then(fake, save), and_then(fake, save)]
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_a_server_restored_from_a_snapshot_does_not_send_an_old_scheduled_campaign(
    people: list[Subscriber],
) -> None:
    campaign = factories.make_campaign(subject="News")
    campaign.lists.add(MailingList.objects.latest("pk"))
    due = clock.now() - dt.timedelta(days=30)
    Campaign.objects.filter(pk=campaign.pk).update(state="scheduled", scheduled_at=due)
    assert starting.start_due() == []
    assert not Run.objects.exists()
    campaign.refresh_from_db()
    assert campaign.missed_at is not None


def test_a_resumed_campaign_is_not_stuck_behind_a_worker_that_is_gone(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    batch = Batch.objects.filter(run_id=run.pk).earliest("number")
    Batch.objects.filter(pk=batch.pk).update(
        state="claimed", lease_token=uuid.uuid4(), lease_until=clock.now() + timing.BATCH_LEASE
    )
    pause(run)
    runs.resume_run(run_id=run.pk)
    expire()
    recover.recover()
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_a_campaign_whose_worker_died_does_not_stay_sending_for_ever(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    plan = plans.Plan.load(run, "mailplatform")
    token = uuid.uuid4()
    assert cut.cut(plan, held=None, token=token, most=PEOPLE, call_size=50) is not None
    expire()
    recover.recover()
    drain_all(run, fake)
    assert (run.state, states_of(run)) == ("sent", {"unresolved": PEOPLE})
    assert not Call.objects.filter(state="in_flight").exists()


def test_the_daily_quota_parks_the_campaign_and_it_goes_on(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    fake.script = [fake.accept, fake.fail(errors.call_error(429, "TooManyRequestsException", QUOTA_WORDS))]
    drain_all(run, fake)
    assert (run.state, run.paused_by) == ("paused", PauseReason.QUOTA)
    assert run.not_before is not None
    fake.script.clear()
    runs.resume_run(run_id=run.pk)
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_a_lost_task_leaves_no_campaign_stuck(run: Run, people: list[Subscriber], fake: FakeSes) -> None:
    # Redis was emptied: nothing is queued, and beat finds in Postgres what is left to do.
    assert run.pk in work.runs_without_drain()
    drain_all(run, fake)
    check_everybody_once(run, fake, people)
    assert run.pk not in work.runs_without_drain()
