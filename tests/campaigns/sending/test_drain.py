"""The whole loop on a real Postgres and a real Redis: who was mailed, how often, and what the rows say."""

import datetime as dt
import uuid

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import Batch, Call, Delivery, Drain
from campaigns.sending import crew, drain, limiter, quota, timing
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from tests.factories.sending import (
    FakeSes,
    addresses,
    drain_all,
    make_list,
    make_people,
    make_run,
    states_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_everybody_is_mailed_once(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(1203, audience)
    run = make_run(audience)
    assert drain_all(run, fake) is False
    assert (run.state, run.campaign.state, run.audience) == ("sent", "sent", 1203)
    assert fake.accepted == addresses(people)
    assert states_of(run) == {"accepted": 1203}
    assert set(Batch.objects.values_list("state", flat=True)) == {"done"}
    assert set(Call.objects.values_list("state", flat=True)) == {"recorded"}
    assert len(fake.calls) == 25
    assert Delivery.objects.filter(message_id="").count() == 0


def test_a_second_drain_of_a_finished_run_does_nothing(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(3, audience)
    run = make_run(audience)
    drain_all(run, fake)
    assert drain.drain(run.pk, sender=fake) is False
    assert len(fake.calls) == 1


def test_one_drain_per_run_at_a_time(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(3, audience)
    run = make_run(audience)
    Drain.objects.create(run_id=run.pk, lease_until=clock.now() + dt.timedelta(seconds=30))
    assert drain.drain(run.pk, sender=fake, slots=1) is False
    assert fake.calls == []


def test_two_commits_for_five_hundred_people(
    site: Installation, fake: FakeSes, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a drain asks every few seconds is no part of it.
    monkeypatch.setattr(drain, "LOOK_EVERY_S", 600.0)
    # On a slow machine a second lane would take the batch, on a connection of its own.
    monkeypatch.setattr(crew, "MAX_LANES", 1)
    audience = make_list()
    make_people(500, audience)
    run = make_run(audience)
    with CaptureQueriesContext(connection) as captured:
        drain_all(run, fake)
    writes = [query["sql"] for query in captured if query["sql"].startswith(("BEGIN", "COMMIT"))]
    # The slot, the cut, the recording, the look for more work that finds none, and the end of the run.
    assert writes.count("COMMIT") == 5
    assert len(captured) <= 40


def test_the_end_of_a_slice_leaves_the_rest_to_the_next(site: Installation, fake: FakeSes) -> None:
    installation.update(actor=None, max_send_rate=100.0)
    audience = make_list()
    people = make_people(70, audience)
    run = make_run(audience)
    assert drain.drain(run.pk, sender=fake, seconds=0.3) is True
    batch = Batch.objects.get()
    assert (batch.state, batch.lease_token, batch.cursor) == ("waiting", None, 50)
    assert not Drain.objects.exists()
    drain.drain(run.pk, sender=fake, seconds=10)
    assert fake.accepted == addresses(people)


def test_the_campaigns_own_cap_is_kept(
    site: Installation, fake: FakeSes, redis_client: "redis.Redis[bytes]"
) -> None:
    audience = make_list()
    make_people(9, audience)
    run = make_run(audience, rate_limit=3)
    drain.drain(run.pk, sender=fake, seconds=1.5)
    assert fake.calls
    assert all(len(call["BulkEmailEntries"]) <= 3 for call in fake.calls)
    assert redis_client.exists(limiter.run_key(run.pk))


def test_four_lanes_mail_everybody_once(site: Installation, fake: FakeSes) -> None:
    installation.update(actor=None, max_send_rate=100_000.0)
    audience = make_list()
    people = make_people(2600, audience)
    run = make_run(audience)
    drain_all(run, fake)
    assert run.state == "sent"
    assert fake.accepted == addresses(people)
    assert states_of(run) == {"accepted": 2600}


def test_a_worker_with_nothing_to_claim_takes_no_tokens_from_those_at_work(
    site: Installation, fake: FakeSes, redis_client: "redis.Redis[bytes]"
) -> None:
    audience = make_list()
    make_people(3, audience)
    run = make_run(audience)
    Batch.objects.update(
        state="claimed", lease_token=uuid.uuid4(), lease_until=clock.now() + timing.BATCH_LEASE
    )
    drain.drain(run.pk, sender=fake, seconds=0.7)
    bucket = quota.buckets(installation.get())[0].key
    assert redis_client.exists(bucket, limiter.claims_key(bucket)) == 0
    Batch.objects.update(state="waiting", lease_token=None, lease_until=None)
    drain_all(run, fake)
    assert states_of(run) == {"accepted": 3}
    assert redis_client.exists(bucket) == 1
