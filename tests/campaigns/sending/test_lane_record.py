"""Answers that came while the database was away: they are held until it is back."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import close_old_connections

from campaigns.models import Batch, Call, Run
from campaigns.sending import drain, freeze, lane, recover
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import ses
from mailplatform.core import shutdown
from tests import database
from tests.factories.sending import (
    FakeSes,
    addresses,
    drain_all,
    expire,
    make_list,
    make_people,
    make_run,
    states_of,
)
from tests.factories.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

AWAY_S = 1.5


class Outage:
    """Takes the database away, and brings it back after a moment."""

    def __init__(self) -> None:
        self.seconds = AWAY_S
        self._threads: list[threading.Thread] = []

    def begin(self) -> None:
        """Return when the database is away."""
        gone = threading.Event()
        self._threads.append(threading.Thread(target=self._last, args=[gone]))
        self._threads[-1].start()
        assert gone.wait(20)

    def _last(self, gone: threading.Event) -> None:
        with database.away():
            gone.set()
            time.sleep(self.seconds)

    def end(self) -> None:
        """Return when it is back."""
        for thread in self._threads:
            thread.join()
        close_old_connections()


@pytest.fixture
def outage() -> Iterator[Outage]:
    made = Outage()
    yield made
    made.end()
    shutdown.forget()


def _check(run: Run, fake: FakeSes, people: Any) -> None:
    assert not Call.objects.filter(state="in_flight").exists()
    assert set(states_of(run)) == {"accepted"}
    drain_all(run, fake)
    assert run.state == "sent"
    assert fake.accepted == addresses(people)
    assert states_of(run) == {"accepted": len(people)}


class OneLaneHolds(FakeSes):
    """A lane beside the first waits for an answer until nothing else is left; then the database goes away.

    The first lane meets that at its next look for work, before the answer comes.
    """

    def __init__(self, outage: Outage) -> None:
        super().__init__()
        self.outage = outage
        self.holding = threading.Event()
        self._lock = threading.Lock()

    def accept(self, request: dict[str, Any]) -> list[ses.EntryResult]:
        """One call is one batch here, and is made in the thread of its lane."""
        is_first_lane = threading.current_thread() is threading.main_thread()
        if is_first_lane and len(self.calls) > 1:
            assert self.holding.wait(20)
        with self._lock:
            answer = super().accept(request)
            holds = not is_first_lane and not self.holding.is_set()
            if holds:
                self.holding.set()
        if holds:
            self._hold()
        return answer

    def _hold(self) -> None:
        wait_for(lambda: not Batch.objects.exclude(state="done").exists(), timeout=20)
        wait_for(lambda: Call.objects.filter(state="in_flight").count() == 1, timeout=20)
        close_old_connections()
        self.outage.begin()
        time.sleep(2 * drain.IDLE_S)


def test_answers_are_held_though_another_lane_met_the_outage_first(
    site: Installation, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(freeze, "BATCH_SIZE", 50)
    installation.update(actor=None, max_send_rate=100_000.0)
    audience = make_list()
    people = make_people(400, audience)
    run = make_run(audience)
    fake = OneLaneHolds(outage)
    assert drain.drain(run.pk, sender=fake, seconds=30) is True
    outage.end()
    assert fake.holding.is_set()
    _check(run, fake, people)


def test_answers_are_held_by_a_worker_that_is_to_stop(
    site: Installation, fake: FakeSes, outage: Outage
) -> None:
    audience = make_list()
    people = make_people(30, audience)
    run = make_run(audience)

    def stopped(request: dict[str, Any]) -> list[ses.EntryResult]:
        outage.begin()
        shutdown.request()
        return fake.accept(request)

    fake.script = [stopped]
    drain.drain(run.pk, sender=fake, seconds=30)
    outage.end()
    shutdown.forget()
    _check(run, fake, people)


def test_a_database_that_stays_away_is_not_waited_for_for_ever(
    site: Installation, fake: FakeSes, outage: Outage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "RECORD_PATIENCE_S", 0.3)
    audience = make_list()
    make_people(3, audience)
    run = make_run(audience)

    def gone(request: dict[str, Any]) -> list[ses.EntryResult]:
        outage.begin()
        return fake.accept(request)

    fake.script = [gone]
    assert drain.drain(run.pk, sender=fake, seconds=30) is True
    outage.end()
    assert Call.objects.get().state == "in_flight"
    assert states_of(run) == {}
    expire()
    recover.recover()
    assert states_of(run) == {"unresolved": 3}
