"""What Amazon SES answers, and where each person ends because of it."""

from collections import Counter
from typing import Any

import pytest
import redis

from campaigns.models import Batch, Delivery, Run
from campaigns.sending import drain, limiter, states
from mailplatform.accounts.models import Installation
from mailplatform.aws import errors, ses
from mailplatform.aws.errors import Verdict
from mailplatform.core import clock
from subscribers.models import Subscriber
from tests.factories.sending import (
    FakeSes,
    addresses,
    drain_all,
    make_list,
    make_people,
    make_run,
)

pytestmark = pytest.mark.django_db(transaction=True)


def _reasons(run: Run) -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", "reason"))


def _refused(code: str, words: str = "") -> errors.SesError:
    return errors.call_error(429 if code == "TooManyRequestsException" else 400, code, words)


def test_each_entry_status_has_its_end(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(4, audience)
    run = make_run(audience)
    fake.script = [fake.statuses("SUCCESS", "MESSAGE_REJECTED", "INVALID_PARAMETER", "A_NEW_STATUS")]
    drain_all(run, fake)
    assert run.state == "sent"
    assert _reasons(run) == {
        ("accepted", ""): 1,
        ("failed", "message_rejected"): 1,
        ("failed", "invalid_parameter"): 1,
        ("unresolved", "lost_answer"): 1,
    }


def test_transient_failures_are_tried_again_and_end(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(3, audience)
    run = make_run(audience)
    fake.script = [fake.statuses("TRANSIENT_FAILURE"), fake.statuses("FAILED"), fake.statuses("SUCCESS")]
    drain_all(run, fake)
    assert fake.accepted == addresses(people)
    assert set(Delivery.objects.filter(run_id=run.pk).values_list("attempt", flat=True)) == {3}
    assert run.state == "sent"


def test_attempts_are_limited(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(3, audience)
    run = make_run(audience)
    fake.script = [fake.statuses("TRANSIENT_FAILURE")] * 10
    drain_all(run, fake)
    assert _reasons(run) == {("failed", "transient_failure"): 3}
    assert len(fake.calls) == 4


def test_retries_wait_for_their_time(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(3, audience)
    run = make_run(audience)
    fake.script = [fake.statuses("TRANSIENT_FAILURE")]
    assert drain.drain(run.pk, sender=fake, seconds=1) is True
    assert len(fake.calls) == 1
    batch = Batch.objects.get(state="waiting")
    assert (batch.attempt, batch.number) == (2, 1)
    assert batch.not_before is not None
    assert batch.not_before > clock.now()


@pytest.mark.parametrize(
    "error",
    [
        _refused("TooManyRequestsException", "Maximum sending rate exceeded."),
        errors.NotReachedError("refused"),
    ],
    ids=["throttled", "not reached"],
)
def test_a_busy_ses_costs_nobody_an_attempt(
    site: Installation, fake: FakeSes, error: errors.SesError
) -> None:
    audience = make_list()
    people = make_people(120, audience)
    run = make_run(audience)
    fake.script = [fake.fail(error)] * 8
    drain_all(run, fake)
    assert run.state == "sent"
    assert fake.accepted == addresses(people)
    assert set(Delivery.objects.filter(run_id=run.pk).values_list("attempt", flat=True)) == {1}


def test_throttled_entries_slow_the_account_down(
    site: Installation, fake: FakeSes, redis_client: "redis.Redis[bytes]"
) -> None:
    audience = make_list()
    people = make_people(10, audience)
    run = make_run(audience)
    fake.script = [fake.statuses("SUCCESS", "ACCOUNT_THROTTLED")]
    drain_all(run, fake)
    assert fake.accepted == addresses(people)
    factor = redis_client.hget(limiter.account_key(site.account_id, "eu-central-1"), "factor")
    assert factor is not None
    assert float(factor) < 1


def test_one_malformed_person_does_not_fail_the_others(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(12, audience)
    bad = people[3].email
    run = make_run(audience)

    def picky(request: dict[str, Any]) -> list[ses.EntryResult]:
        if any(bad in entry["Destination"]["ToAddresses"] for entry in request["BulkEmailEntries"]):
            raise _refused("BadRequestException", "illegal address")
        return fake.accept(request)

    fake.script = [picky] * 20
    drain_all(run, fake)
    assert run.state == "sent"
    assert _reasons(run) == {("accepted", ""): 11, ("failed", "bad_request"): 1}


ENDS = {
    Verdict.ACCEPTED: ("accepted", ""),
    Verdict.LOST: ("unresolved", "lost_answer"),
}


@pytest.mark.drill
def test_every_documented_status_of_an_entry_ends_in_a_named_state(site: Installation, fake: FakeSes) -> None:
    """Final ones at once, busy ones after another try; what stops the run leaves no row."""
    for status, verdict in {**errors.ENTRY_VERDICTS, "A_NEW_STATUS": Verdict.LOST}.items():
        run, _ = _small_run()
        fake.accepted.clear()
        fake.script = [fake.statuses("SUCCESS", status)]
        drain_all(run, fake)
        first, second = ("accepted", ""), ENDS.get(verdict, ("accepted", ""))
        if verdict is Verdict.REFUSED:
            second = ("failed", status.lower())
        expected = Counter([first, second])
        if verdict in {Verdict.STOP, Verdict.QUOTA}:
            assert (status, run.state, _reasons(run)) == (status, "paused", {first: 1})
            assert (status, run.paused_by) == (status, "account" if verdict is Verdict.STOP else "quota")
            assert status in run.pause_reason
            states.resume(run.pk)
            drain_all(run, fake)
        assert (status, run.state, _reasons(run)) == (status, "sent", expected)
        assert max(fake.accepted.values()) == 1


@pytest.mark.drill
def test_every_documented_error_of_a_call_ends_in_a_named_state(site: Installation, fake: FakeSes) -> None:
    for code, verdict in {**errors.CALL_VERDICTS, "SomethingNewException": Verdict.LOST}.items():
        run, people = _small_run()
        fake.accepted.clear()
        fake.script = [fake.fail(errors.call_error(400, code, "words"))]
        drain_all(run, fake)
        if verdict in {Verdict.STOP, Verdict.QUOTA}:
            assert (code, run.state, _reasons(run)) == (code, "paused", {})
            assert run.pause_reason == f"{code}: words"
            states.resume(run.pk)
            drain_all(run, fake)
        expected = {("unresolved", "lost_answer"): 2} if verdict is Verdict.LOST else {("accepted", ""): 2}
        assert (code, run.state, _reasons(run)) == (code, "sent", expected)
        assert fake.accepted == (Counter() if verdict is Verdict.LOST else addresses(people))


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_proves_nothing_whatever_its_name(
    site: Installation, fake: FakeSes, status: int
) -> None:
    run, _ = _small_run()
    fake.script = [fake.fail(errors.call_error(status, "TooManyRequestsException", "words"))]
    drain_all(run, fake)
    assert _reasons(run) == {("unresolved", "lost_answer"): 2}


def _small_run() -> tuple[Run, list[Subscriber]]:
    audience = make_list()
    people = make_people(2, audience)
    return make_run(audience), people
