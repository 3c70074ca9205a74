"""The account's figures and what follows from them."""

import datetime as dt

import pytest
import time_machine
from pytest_django.fixtures import Settings

from campaigns.models import Call, CallState, PauseReason
from campaigns.selectors import daily, sending_settings
from campaigns.sending import quota, states
from campaigns.services import runs
from campaigns.services import sending_settings as sending_settings_service
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import errors
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.sending import (
    FakeSes,
    account_answers,
    addresses,
    drain_all,
    make_list,
    make_people,
    make_run,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_figures_are_read_when_they_are_old(sandbox: RunningSandbox) -> None:
    installation.update(actor=None, max_send_rate=1.0, quota_read_at=clock.now())
    assert quota.current().max_send_rate == 1.0
    with time_machine.travel(clock.now() + dt.timedelta(seconds=61), tick=True):
        assert quota.current().max_send_rate == 2000.0


def test_a_clock_that_is_ahead_hides_nothing_that_was_sent_since(sandbox: RunningSandbox) -> None:
    real = clock.now()
    with time_machine.travel(real + dt.timedelta(minutes=4), tick=True):
        asked_at = quota.refresh().quota_read_at
    assert asked_at is not None
    assert asked_at < real + dt.timedelta(minutes=1)


@pytest.mark.parametrize(
    ("started", "finished", "left"),
    [(-2, None, 60), (-2, 1, 60), (-2, -1, 100), (1, None, 60), (-3600, None, 100)],
    ids=["on its way", "ended since", "ended before", "begun since", "long ago"],
)
def test_what_amazon_may_not_have_counted_yet_is_not_free(
    site: Installation, started: int, finished: int | None, left: int
) -> None:
    """Who finds the quota used up asks Amazon while another worker's last call is on its way."""
    read_at = clock.now()
    Call.objects.create(
        configuration_set="x",
        subscriber_ids=list(range(40)),
        lease_until=read_at,
        state=CallState.IN_FLIGHT if finished is None else CallState.RECORDED,
        started_at=read_at + dt.timedelta(seconds=started),
        finished_at=None if finished is None else read_at + dt.timedelta(seconds=finished),
    )
    row = Installation(max_24_hour_send=200.0, sent_last_24_hours=100.0, quota_read_at=read_at)
    assert quota.left_today(row, sending_settings.get(), clock.now()).count == left


def test_an_account_that_cannot_be_read_has_a_name(sandbox: RunningSandbox) -> None:
    sandbox.api.put("misbehave", throttle={"share": 0})
    installation.update(actor=None, quota_read_at=None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("django.conf.settings.AWS_ENDPOINT_URLS", {"sesv2": "http://127.0.0.1:9"})
        with pytest.raises(errors.AccountUnreadableError):
            quota.current()


@pytest.mark.parametrize(
    ("limit", "sent", "room"), [(200.0, 50.0, 150.0), (200.0, 900.0, 0.0), (-1.0, 5.0, None)]
)
def test_room(limit: float, sent: float, room: float | None) -> None:
    assert quota.room(Installation(max_24_hour_send=limit, sent_last_24_hours=sent)) == room


def test_buckets(site: Installation) -> None:
    account, cap = quota.buckets(site, run_id=7, cap=3)
    assert (account.rate, cap.rate) == (2500.0, 3.0)
    assert site.account_id in account.key
    assert cap.key.endswith(":7")
    assert len(quota.buckets(site, run_id=7, cap=None)) == 1


def test_a_run_goes_on_when_the_quota_has_room_again(sandbox: RunningSandbox) -> None:
    audience = make_list()
    make_people(2, audience)
    run = make_run(audience)
    states.pause(run.pk, by=PauseReason.QUOTA, reason="used up", until=clock.now())
    assert runs.resume_after_quota() == [run.pk]
    run.refresh_from_db()
    assert (run.state, run.not_before) == ("sending", None)


def test_a_run_stays_parked_while_the_quota_is_used_up(sandbox: RunningSandbox) -> None:
    audience = make_list()
    make_people(2, audience)
    run = make_run(audience)
    states.pause(run.pk, by=PauseReason.QUOTA, reason="used up", until=clock.now())
    sandbox.api.put("account", max_24_hour_send=0)
    assert runs.resume_after_quota() == []
    run.refresh_from_db()
    assert run.state == "paused"


def test_whom_ses_did_not_take_uses_up_nothing(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(8, audience)
    run = make_run(audience)
    today = clock.now().date()
    sending_settings_service.update(actor=None, warm_up_started_on=today, warm_up_plan=[9, 100])
    site.refresh_from_db()
    midnight = daily.start_of_day(clock.now())
    throttled = fake.statuses("SUCCESS", "ACCOUNT_THROTTLED", "ACCOUNT_THROTTLED", "TRANSIENT_FAILURE")
    fake.script = [throttled]
    drain_all(run, fake)
    assert Call.objects.earliest("pk").taken == 2
    assert (run.state, run.pause_reason) == ("sent", "")
    assert fake.accepted == addresses(people)
    assert daily.sent_since(midnight) == 8
    left = quota.left_today(site, sending_settings.get(), clock.now())
    assert (left.count, left.by_plan) == (1, True)


def test_a_run_that_ends_with_the_last_of_the_day_waits_for_nothing(
    site: Installation, fake: FakeSes
) -> None:
    audience = make_list()
    make_people(8, audience)
    run = make_run(audience)
    sending_settings_service.update(actor=None, warm_up_started_on=clock.now().date(), warm_up_plan=[8, 100])
    drain_all(run, fake)
    assert (run.state, run.pause_reason) == ("sent", "")


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (errors.call_error(429, "TooManyRequestsException", "slow down"), 0),
        (errors.LostAnswerError("dropped"), None),
    ],
    ids=["refused", "lost"],
)
def test_a_call_without_an_answer_for_each_is_taken_as_a_whole_or_not(
    site: Installation, fake: FakeSes, answer: errors.SesError, taken: int | None
) -> None:
    audience = make_list()
    make_people(3, audience)
    run = make_run(audience)
    fake.script = [fake.fail(answer)]
    drain_all(run, fake)
    first = Call.objects.earliest("pk")
    assert (first.taken, daily.sent_since(run.launched_at)) == (taken, 3)


def test_an_answer_that_means_nothing_may_have_been_taken(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(4, audience)
    run = make_run(audience)
    fake.script = [fake.statuses("SUCCESS", "NEVER_HEARD_OF", "MESSAGE_REJECTED", "INVALID_PARAMETER")]
    drain_all(run, fake)
    assert Call.objects.get().taken == 2


@pytest.mark.parametrize("by", [None, PauseReason.PERSON, PauseReason.SAFETY_STOP])
def test_what_happens_while_amazon_is_asked_is_not_undone(
    site: Installation, settings: Settings, by: PauseReason | None
) -> None:
    audience = make_list()
    make_people(2, audience)
    run, other = make_run(audience), make_run(audience)
    for each in (run, other):
        states.pause(each.pk, by=PauseReason.QUOTA, reason="used up", until=clock.now())

    def meanwhile() -> None:
        runs.resume_run(run_id=run.pk)
        if by is not None:
            assert runs.pause_run(run_id=run.pk, by=by, reason="Enough.")

    with account_answers(settings, meanwhile):
        assert runs.resume_after_quota() == [other.pk]
    run.refresh_from_db()
    other.refresh_from_db()
    expected = ("sending", "", "") if by is None else ("paused", by, "Enough.")
    assert (run.state, run.paused_by, run.pause_reason) == expected
    assert other.state == "sending"
