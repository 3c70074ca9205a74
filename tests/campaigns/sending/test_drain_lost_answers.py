"""Answers that never came, or came too late."""

import datetime as dt
from collections import Counter
from typing import Any

import pytest

from campaigns.models import Call, Delivery, Run
from campaigns.sending import crew, recover
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import errors, ses
from mailplatform.core import clock
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

pytestmark = pytest.mark.django_db(transaction=True)


def _reasons(run: Run) -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", "reason"))


def test_a_lost_answer_is_never_sent_again(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(130, audience)
    run = make_run(audience)
    fake.script = [fake.drop()]
    drain_all(run, fake)
    assert run.state == "sent"
    assert fake.accepted == addresses(people)
    assert _reasons(run) == {("accepted", ""): 80, ("unresolved", "lost_answer"): 50}
    assert Counter(Call.objects.values_list("state", flat=True)) == {"lost": 1, "recorded": 2}


def test_many_lost_answers_in_a_row_pause_the_run(
    site: Installation, fake: FakeSes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "MAX_LANES", 1)
    audience = make_list()
    make_people(1500, audience)
    run = make_run(audience)
    fake.script = [fake.drop()] * 30
    drain_all(run, fake)
    assert (run.state, run.paused_by) == ("paused", "account")
    assert "without an answer" in run.pause_reason
    assert states_of(run) == {"unresolved": 500}


def test_lost_answers_count_over_drains_that_hand_over(
    site: Installation, fake: FakeSes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "MAX_LANES", 1)
    # A call in a quarter of a second: none of these drains makes five.
    installation.update(actor=None, max_send_rate=200.0)
    audience = make_list()
    make_people(1500, audience)
    run = make_run(audience)
    fake.script = [fake.drop()] * 30
    drains = 0
    while run.state == "sending" and drains < 40:
        drain_all(run, fake, seconds=0.3)
        drains += 1
    assert drains > 1
    assert (run.state, run.paused_by) == ("paused", "account")
    assert len(fake.calls) == 5
    assert "left 5 calls in a row without an answer" in run.pause_reason


def test_a_worker_that_died_and_what_was_before_a_resume_do_not_count(
    site: Installation, fake: FakeSes
) -> None:
    audience = make_list()
    people = make_people(300, audience)
    run = make_run(audience)
    lost = {"run_id": run.pk, "state": "lost", "lease_until": clock.now(), "configuration_set": "x"}
    for _ in range(6):
        Call.objects.create(
            **lost, error="LostAnswer: dropped", started_at=clock.now() - dt.timedelta(hours=1)
        )
        Call.objects.create(**lost, error="The worker did not come back.")
    fake.script = [fake.drop()]
    drain_all(run, fake)
    assert run.state == "sent"
    assert fake.accepted == addresses(people)


def test_a_call_that_recovery_took_settles_on_its_late_answer(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(4, audience)
    run = make_run(audience)

    def slow(request: dict[str, Any]) -> list[ses.EntryResult]:
        expire()
        assert recover.recover().people == 4
        assert states_of(run) == {"unresolved": 4}
        return fake.statuses("SUCCESS", "SUCCESS", "MESSAGE_REJECTED", "TRANSIENT_FAILURE")(request)

    fake.script = [slow]
    drain_all(run, fake)
    assert _reasons(run) == {
        ("accepted", ""): 2,
        ("failed", "message_rejected"): 1,
        # In time this one would have been tried again: it is no end.
        ("unresolved", "worker_lost"): 1,
    }
    assert Call.objects.get().state == "lost"
    assert Delivery.objects.filter(state="accepted", message_id="m").count() == 2


@pytest.mark.parametrize(
    "error",
    [
        errors.call_error(429, "TooManyRequestsException", "Maximum sending rate exceeded."),
        errors.call_error(400, "BadRequestException", "one of you is malformed"),
        errors.NotReachedError("refused"),
    ],
    ids=["throttled", "malformed", "not-reached"],
)
def test_a_late_answer_that_is_nobody_s_end_fails_nobody(
    site: Installation, fake: FakeSes, error: errors.SesError
) -> None:
    audience = make_list()
    make_people(4, audience)
    run = make_run(audience)

    def slow(_: dict[str, Any]) -> list[ses.EntryResult]:
        expire()
        recover.recover()
        raise error

    fake.script = [slow]
    drain_all(run, fake)
    assert states_of(run) == {"unresolved": 4}


def test_a_held_batch_that_was_taken_away_is_let_go(site: Installation, fake: FakeSes) -> None:
    installation.update(actor=None, max_send_rate=200.0)
    audience = make_list()
    people = make_people(150, audience)
    run = make_run(audience)

    def taken(request: dict[str, Any]) -> list[ses.EntryResult]:
        expire()
        recover.recover()
        return fake.accept(request)

    fake.script = [taken]
    drain_all(run, fake)
    assert run.state == "sent"
    assert fake.accepted == addresses(people)
