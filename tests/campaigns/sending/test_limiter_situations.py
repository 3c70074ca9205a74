"""The ways in which rates and quotas failed the users of other programs, one test for each."""

import threading
import time
from collections import Counter
from typing import Any

import pytest
import redis
from django.db import connections

from campaigns.models import Call, PauseReason, Run
from campaigns.sending import clients, drain, limiter, limiter_scripts, quota, single
from campaigns.services import runs, sending_settings
from events import safety
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.sending import (
    FakeSes,
    addresses,
    drain_all,
    mailbox,
    make_list,
    make_people,
    make_run,
    states_of,
    store_template,
)

pytestmark = pytest.mark.django_db(transaction=True)

MAIL: dict[str, Any] = {
    "FromEmailAddress": "News <news@example.com>",
    "Destination": {"ToAddresses": ["ada@example.com"]},
    "Content": {"Simple": {"Subject": {"Data": "Hi"}, "Body": {"Text": {"Data": "Hello"}}}},
    "ConfigurationSetName": "mailplatform-none",
}


def _run(people: int, **frozen: Any) -> tuple[Run, Counter[str]]:
    audience = make_list()
    found = addresses(make_people(people, audience))
    return make_run(audience, **frozen), found


def _drain_in_threads(run: Run, count: int, **options: Any) -> None:
    def work() -> None:
        try:
            drain.drain(run.pk, slots=count, **options)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _charged() -> int:
    """Recipients of the calls that Amazon did not refuse."""
    return sum(len(ids) for ids in Call.objects.filter(error="").values_list("subscriber_ids", flat=True))


def test_maximum_sending_rate_exceeded_and_fewer_than_half_arrived(sandbox: RunningSandbox) -> None:
    run, people = _run(60)
    store_template(run)
    sandbox.api.put("misbehave", throttle={"share": 0.5, "times": 4})
    drain.drain(run.pk, seconds=30)
    assert mailbox(sandbox, run) == people
    run.refresh_from_db()
    assert (run.state, states_of(run)) == ("sent", {"accepted": 60})


def test_the_rate_exceeded_by_single_entries_of_a_call(
    site: Installation, fake: FakeSes, redis_client: "redis.Redis[bytes]"
) -> None:
    run, people = _run(120)
    fake.script = [fake.statuses("SUCCESS", "ACCOUNT_THROTTLED")]
    drain_all(run, fake)
    assert fake.accepted == people
    key = limiter.account_key(site.account_id, "eu-central-1")
    assert redis_client.hget(key, "slowed_at") is not None


def test_throttling_slows_everybody_down_and_recovers(site: Installation) -> None:
    bucket = quota.buckets(site)[0]
    mine, other = clients.rate_limiter(), clients.rate_limiter().for_claimant(limiter.Claimant("x", 2))
    assert mine.slow_down(bucket) == 0.5
    granted, _ = other.try_take([bucket], least=500, most=500)
    assert granted == 0
    assert limiter_scripts.RECOVERY_PER_S * 60 >= 1 - limiter.SLOWEST


def test_mails_to_one_person_keep_the_rate_too(
    sandbox: RunningSandbox, site: Installation, redis_client: "redis.Redis[bytes]"
) -> None:
    single.send(request=MAIL)
    key = limiter.account_key(site.account_id, sandbox.region)
    claims = redis_client.hgetall(limiter.claims_key(key))
    served, *_, priority = claims[b"single"].split()
    assert (float(served), priority) == (1.0, b"0")
    redis_client.delete(limiter.claims_key(key), key)


def test_at_half_a_mail_per_second_each_leaves_alone_and_amazon_throttles_none(
    sandbox: RunningSandbox,
) -> None:
    run, people = _run(3)
    store_template(run)
    installation.update(actor=None, max_send_rate=0.5, quota_read_at=clock.now())
    # Amazon allows a burst of two: all three at once would be refused.
    sandbox.api.put("account", max_send_rate=0.5, burst_seconds=4)
    drain.drain(run.pk, seconds=60)
    run.refresh_from_db()
    assert (run.state, states_of(run), mailbox(sandbox, run)) == ("sent", {"accepted": 3}, people)
    calls = Call.objects.filter(run_id=run.pk).values_list("error", "subscriber_ids")
    assert [(error, len(ids)) for error, ids in calls] == [("", 1)] * 3


def test_a_quota_of_200_and_a_rate_of_1_parks_and_goes_on(sandbox: RunningSandbox) -> None:
    """As a new account has it. 197 of the day are gone already."""
    run, people = _run(5)
    store_template(run)
    installation.update(
        actor=None,
        max_send_rate=1.0,
        max_24_hour_send=200.0,
        sent_last_24_hours=197.0,
        quota_read_at=clock.now(),
    )
    sandbox.api.put("account", max_send_rate=1, max_24_hour_send=3)
    assert drain.drain(run.pk, seconds=20) is False
    run.refresh_from_db()
    assert (run.state, run.paused_by) == ("paused", PauseReason.QUOTA)
    assert "daily quota" in run.pause_reason
    assert run.not_before is not None
    assert mailbox(sandbox, run).total() == 3
    assert {len(ids) for ids in Call.objects.values_list("subscriber_ids", flat=True)} == {1}
    sandbox.api.put("account", max_send_rate=2000, max_24_hour_send=10_000)
    Run.objects.filter(pk=run.pk).update(not_before=clock.now())
    assert runs.resume_after_quota() == [run.pk]
    drain.drain(run.pk, seconds=20)
    assert mailbox(sandbox, run) == people
    assert states_of(run) == {"accepted": 5}


def test_several_workers_stop_exactly_at_the_quota(site: Installation, sandbox: RunningSandbox) -> None:
    run, people = _run(900)
    store_template(run)
    sandbox.api.put("account", max_24_hour_send=730)
    installation.update(actor=None, max_24_hour_send=730.0, sent_last_24_hours=0.0, quota_read_at=clock.now())
    _drain_in_threads(run, 2, seconds=30)
    run.refresh_from_db()
    assert (run.state, run.paused_by) == ("paused", PauseReason.QUOTA)
    assert _charged() == 730
    assert mailbox(sandbox, run).total() == 730
    # Nobody was lost by it: who did not leave is waiting.
    assert set(states_of(run)) == {"accepted"}
    assert not mailbox(sandbox, run) - people


def test_the_warm_up_plan_ends_the_day_exactly_and_the_next_day_goes_on(
    site: Installation, fake: FakeSes
) -> None:
    run, people = _run(100)
    sending_settings.update(actor=None, warm_up_started_on=clock.now().date(), warm_up_plan=[37, 10_000])
    installation.update(actor=None, max_24_hour_send=-1.0, quota_read_at=clock.now())
    drain_all(run, fake)
    assert (run.state, run.paused_by) == ("paused", PauseReason.QUOTA)
    assert "37 recipients of the warm-up plan" in run.pause_reason
    assert run.not_before is not None
    assert (run.not_before.hour, run.not_before.minute) == (0, 0)
    assert fake.accepted.total() == 37
    # A larger plan is looked at again at once, not only at midnight.
    sending_settings.update(actor=None, warm_up_plan=[90, 10_000])
    run.refresh_from_db()
    assert run.not_before <= clock.now()
    runs.resume_run(run_id=run.pk)
    drain_all(run, fake)
    assert fake.accepted.total() == 90
    sending_settings.update(actor=None, warm_up_plan=[], warm_up_started_on=None)
    runs.resume_run(run_id=run.pk)
    drain_all(run, fake)
    assert fake.accepted == people


def test_a_rate_limit_that_was_set_is_not_ignored(site: Installation, fake: FakeSes) -> None:
    run, _ = _run(50, rate_limit=4)
    begun = time.monotonic()
    _drain_in_threads(run, 2, seconds=3, sender=fake)
    assert 4 <= fake.accepted.total() <= 4 * (time.monotonic() - begun) + limiter.capacity(4)


@pytest.mark.drill
@pytest.mark.parametrize(("rate", "most"), [(0.5, 1), (1.0, 1), (14.0, 14), (5000.0, 50)])
def test_no_call_is_larger_than_the_batch_limit_or_the_rate(
    site: Installation, fake: FakeSes, rate: float, most: int
) -> None:
    installation.update(actor=None, max_send_rate=rate)
    run, _ = _run(60)
    drain.drain(run.pk, seconds=2.5, sender=fake)
    assert fake.calls
    assert max(len(call["BulkEmailEntries"]) for call in fake.calls) <= most


def test_one_bounce_of_thirteen_suspends_nobody() -> None:
    figures = safety.Figures("example.com", accepted=13, bounced=1, complained=0)
    assert safety.danger(figures) is None


@pytest.mark.drill
def test_without_redis_or_after_its_restart_nothing_bursts(
    site: Installation, fake: FakeSes, redis_client: "redis.Redis[bytes]"
) -> None:
    installation.update(actor=None, max_send_rate=20.0)
    run, _ = _run(200)
    drain.drain(run.pk, seconds=2.0, sender=fake)
    before = fake.accepted.total()
    redis_client.flushdb()
    drain.drain(run.pk, seconds=2.0, sender=fake)
    assert fake.accepted.total() - before <= 2.5 * 20 + limiter.capacity(20)
