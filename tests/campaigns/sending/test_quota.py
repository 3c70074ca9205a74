"""The account's figures and what follows from them."""

import datetime as dt

import pytest
import time_machine

from campaigns.models import PauseReason
from campaigns.sending import quota, states
from campaigns.services import runs
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import errors
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.sending import make_list, make_people, make_run

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
