"""A pause stops the next cut: of each lane its one cut may be on its way and is recorded, nobody else leaves."""

import contextlib
import datetime as dt
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections

from campaigns.models import Call, Delivery, Run
from campaigns.sending import clients, crew, cut, drain, lane, limiter, plans, quota
from campaigns.services import runs
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import ses
from mailplatform.core import clock
from tests.factories.sending import FakeSes, drain_all, make_list, make_people, make_run

pytestmark = pytest.mark.django_db(transaction=True)


class PausedMidway(FakeSes):
    """After so many calls a person pauses the run, from elsewhere; who is accepted later is counted apart."""

    def __init__(self, run: Run, after: int) -> None:
        super().__init__()
        self.run, self.after = run, after
        self.paused_at: dt.datetime | None = None
        self.later = 0
        self._lock = threading.Lock()

    def accept(self, request: dict[str, Any]) -> list[ses.EntryResult]:
        with self._lock:
            if self.paused_at is not None:
                self.later += len(request["BulkEmailEntries"])
            found = super().accept(request)
            if len(self.calls) >= self.after and self.paused_at is None:
                in_thread(self._pause)
        return found

    def _pause(self) -> None:
        assert runs.pause_run(run_id=self.run.pk, by="person", reason="Enough.")
        self.paused_at = clock.now()


def in_thread(*works: Callable[[], Any]) -> None:
    """Do these side by side, each with a connection of its own."""

    def run(work: Callable[[], Any]) -> None:
        try:
            work()
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[work]) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)


def _site(rate: float) -> None:
    read_at = clock.now() + dt.timedelta(days=1)
    installation.update(actor=None, max_send_rate=rate, quota_read_at=read_at)


def _check_rest(run: Run, fake: PausedMidway, people: int) -> None:
    """Nothing is lost or doubled, and after Resume the rest gets it exactly once."""
    run.refresh_from_db()
    assert run.state == "paused"
    assert fake.paused_at is not None
    assert not Call.objects.filter(run_id=run.pk, started_at__gt=fake.paused_at).exists()
    assert not Call.objects.filter(run_id=run.pk, state="in_flight").exists()
    sent = Delivery.objects.filter(run_id=run.pk, state="accepted").count()
    assert sent == sum(fake.accepted.values()) < people
    _site(2500.0)
    runs.resume_run(run_id=run.pk)
    drain_all(run, fake, rounds=3)
    assert (run.state, len(fake.accepted), max(fake.accepted.values())) == ("sent", people, 1)


def test_at_one_per_second_at_most_one_mail_leaves_after_a_pause(site: Installation) -> None:
    _site(1.0)
    audience = make_list()
    make_people(6, audience)
    run = make_run(audience)
    fake = PausedMidway(run, after=1)
    drain.drain(run.pk, sender=fake, seconds=20)
    assert fake.later <= 1
    _check_rest(run, fake, 6)


class AtTheSocket(PausedMidway):
    """As many calls as there are lanes meet right before the socket; a person pauses; then they leave."""

    def __init__(self, run: Run, lanes: int) -> None:
        super().__init__(run, after=lanes)
        self._meet = threading.Barrier(lanes, action=lambda: in_thread(self._pause))

    def accept(self, request: dict[str, Any]) -> list[ses.EntryResult]:
        if self.paused_at is None:
            self._meet.wait(10)
        return super().accept(request)


class SlowToAnswer(PausedMidway):
    """Takes a mail at once, and answers when the run is paused."""

    def __init__(self, run: Run, after: int) -> None:
        super().__init__(run, after)
        self._answer = threading.Event()

    def accept(self, request: dict[str, Any]) -> list[ses.EntryResult]:
        found = super().accept(request)
        if self.paused_at is not None:
            self._answer.set()
        self._answer.wait(20)
        return found


def _worker_of(lanes: int, run: Run, fake: FakeSes) -> None:
    """One worker's lanes, each with a batch of its own, at work until the run is paused."""
    run = Run.objects.select_related("campaign", "template_version").get(pk=run.pk)
    account = installation.get()
    plan, health = plans.Plan.load(run, account.configuration_set_prefix), lane.Health()
    buckets = quota.buckets(account, run_id=run.pk)

    def work() -> None:
        mine = lane.Lane(
            plan,
            sender=fake,
            rate=clients.rate_limiter().for_claimant(limiter.claimant_of_run(run.pk, "marketing")),
            buckets=lambda: buckets,
            pool=pool,
            health=health,
        )
        with contextlib.suppress(cut.RunNotSendingError):
            while not mine.step().idle:
                pass
        mine.close()

    with ThreadPoolExecutor(crew.MAX_CALLS) as pool:
        in_thread(*[work] * lanes)


def test_of_each_lane_of_a_worker_at_most_one_cut_leaves_after_a_pause(site: Installation) -> None:
    _site(200.0)
    audience = make_list()
    make_people(1600, audience)
    run = make_run(audience)
    fake = AtTheSocket(run, lanes=4)
    _worker_of(4, run, fake)
    assert fake.later == 4 * limiter.block_size(200.0)
    _check_rest(run, fake, 1600)


def test_at_one_per_second_several_lanes_let_at_most_one_mail_leave_after_a_pause(site: Installation) -> None:
    _site(1.0)
    audience = make_list()
    make_people(1600, audience)
    run = make_run(audience)
    fake = SlowToAnswer(run, after=2)
    _worker_of(4, run, fake)
    assert fake.later <= 1
    _check_rest(run, fake, 1600)


@pytest.mark.drill
def test_at_full_rate_at_most_one_cut_per_lane_leaves_after_a_pause(site: Installation) -> None:
    _site(2500.0)
    audience = make_list()
    make_people(6000, audience)
    run = make_run(audience)
    fake, workers = PausedMidway(run, after=10), 2
    in_thread(*[lambda: drain.drain(run.pk, sender=fake, seconds=60, slots=workers)] * workers)
    lanes = Call.objects.filter(run_id=run.pk).values("lease_token").distinct().count()
    assert lanes <= workers * crew.MAX_LANES
    assert fake.later <= lanes * limiter.block_size(2500.0)
    _check_rest(run, fake, 6000)
