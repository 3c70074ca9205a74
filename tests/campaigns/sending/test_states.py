"""Every move of the ledger of sends: those that exist, and that all others are refused by the database itself."""

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from campaigns.models import (
    Batch,
    BatchState,
    Call,
    CallState,
    Campaign,
    Decision,
    Delivery,
    DeliveryState,
    PauseReason,
    Run,
    RunState,
)
from campaigns.sending import settle, states
from mailplatform.core import clock
from tests.factories import campaigns as factories

pytestmark = pytest.mark.django_db


def _run(state: RunState = RunState.SENDING, **more: Any) -> Run:
    campaign = factories.make_campaign(state=state.value)
    return factories.make_run(campaign, state=state.value, **more)


def _sql(statement: str, *values: Any) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, values)


def _is_refused(statement: str, *values: Any) -> bool:
    try:
        _sql(statement, *values)
    except IntegrityError as error:
        return "ledger of sends" in str(error)
    return False


@pytest.mark.parametrize(("before", "after"), list(itertools.permutations(RunState, 2)))
def test_the_database_knows_the_table_of_moves_of_a_run(before: RunState, after: RunState) -> None:
    run = _run(before)
    refused = _is_refused("UPDATE campaigns_run SET state = %s WHERE id = %s", after.value, run.pk)
    assert refused is (after not in states.MOVES[before])


MOVERS: dict[str, tuple[Callable[[int], bool], RunState, set[RunState]]] = {
    "start": (states.start, RunState.SENDING, {RunState.PREPARING}),
    "fail": (lambda pk: states.fail(pk, "why"), RunState.FAILED, {RunState.PREPARING}),
    "pause": (
        lambda pk: states.pause(pk, by=PauseReason.PERSON, reason="why"),
        RunState.PAUSED,
        {RunState.SENDING},
    ),
    "resume": (states.resume, RunState.SENDING, {RunState.PAUSED}),
    "reopen": (states.reopen, RunState.SENDING, {RunState.SENT}),
    "finish": (states.finish, RunState.SENT, {RunState.SENDING}),
    "cancel": (states.cancel, RunState.CANCELLED, set(states.UNFINISHED)),
}


@pytest.mark.parametrize("before", RunState)
@pytest.mark.parametrize("name", MOVERS)
def test_a_move_happens_from_its_states_only(name: str, before: RunState) -> None:
    move, after, allowed = MOVERS[name]
    run = _run(before, audience=0)
    assert move(run.pk) is (before in allowed)
    run.refresh_from_db()
    assert run.state == (after if before in allowed else before)
    assert Campaign.objects.get(pk=run.campaign_id).state == run.state


def test_a_campaign_is_where_its_unfinished_run_is_and_then_where_its_newest_is() -> None:
    first = _run(RunState.SENT, audience=0)
    second = factories.make_run(first.campaign, number=2, state="sending")
    assert states.cancel(second.pk)
    assert states.reopen(first.pk)
    assert Campaign.objects.get().state == "sending"
    assert states.finish(first.pk)
    assert Campaign.objects.get().state == "cancelled"


@pytest.mark.parametrize(
    ("move", "reason"), [(states.cancel, ""), (lambda pk: states.fail(pk, "away"), "away")]
)
def test_another_try_that_came_to_nothing_leaves_the_campaign_sent(
    move: Callable[[int], bool], reason: str
) -> None:
    first = _run(RunState.SENT, audience=0)
    again = factories.make_run(
        first.campaign, number=2, state="preparing", purpose="failed", source_run=first
    )
    assert move(again.pk)
    again.refresh_from_db()
    assert again.pause_reason == reason
    assert Campaign.objects.get().state == "sent"


def _delivery(state: str, reason: str = "") -> None:
    Delivery.objects.create(run_id=1, subscriber_id=7, state=state, reason=reason, at=clock.now())


@pytest.mark.parametrize("before", DeliveryState)
@pytest.mark.parametrize("after", DeliveryState)
def test_a_delivery_only_leaves_unresolved(before: DeliveryState, after: DeliveryState) -> None:
    _delivery(before.value)
    refused = _is_refused("UPDATE campaigns_delivery SET state = %s", after.value)
    assert refused is not (before == DeliveryState.UNRESOLVED and after != DeliveryState.SKIPPED)


def test_proof_overrules_the_person_who_counted_a_mail_as_lost() -> None:
    _delivery("failed", "not_confirmed")
    assert _is_refused("UPDATE campaigns_delivery SET state = 'unresolved'")
    with connection.cursor() as cursor:
        assert settle.settle(cursor, [(1, 7, "failed", "", "again")]) == 0
        assert settle.settle(cursor, [(1, 7, "accepted", "m", "")]) == 1
    assert Delivery.objects.values_list("state", "reason", "message_id").get() == ("accepted", "", "m")


def test_an_unresolved_delivery_may_change_its_reason_and_not_its_person() -> None:
    _delivery("unresolved", "worker_lost")
    assert not _is_refused("UPDATE campaigns_delivery SET reason = 'resend'")
    assert _is_refused("UPDATE campaigns_delivery SET subscriber_id = 8")
    assert _is_refused("UPDATE campaigns_delivery SET run_id = 2")


@pytest.mark.parametrize("state", DeliveryState)
def test_deliveries_are_never_deleted(state: DeliveryState) -> None:
    _delivery(state.value)
    assert _is_refused("DELETE FROM campaigns_delivery")
    assert _is_refused("DELETE FROM campaigns_delivery_r0")


@pytest.mark.parametrize("before", CallState)
@pytest.mark.parametrize("after", CallState)
def test_a_call_is_closed_once(before: CallState, after: CallState) -> None:
    Call.objects.create(run_id=1, configuration_set="x", state=before.value, lease_until=clock.now())
    refused = _is_refused("UPDATE campaigns_call SET state = %s", after.value)
    assert refused is (before != CallState.IN_FLIGHT)


def test_a_call_keeps_its_people_and_is_not_deleted_in_flight() -> None:
    call = Call.objects.create(run_id=1, configuration_set="x", subscriber_ids=[1], lease_until=clock.now())
    assert _is_refused("UPDATE campaigns_call SET subscriber_ids = '{1,2}'")
    assert _is_refused("UPDATE campaigns_call SET run_id = 2")
    assert _is_refused("DELETE FROM campaigns_call")
    Call.objects.filter(pk=call.pk).update(state="lost")
    assert not _is_refused("DELETE FROM campaigns_call")


def _batch(**more: Any) -> Batch:
    values = {"count": 3, "cursor": 2, "state": "claimed", **more}
    return Batch.objects.create(
        run_id=1, number=0, subscriber_ids=[1, 2, 3], template_version_id=1, sender_id=1, **values
    )


@pytest.mark.parametrize(
    "change",
    [
        "cursor = 1",
        "count = 2",
        "run_id = 2",
        "resend = true",
        "subscriber_ids = '{1,2,4}'",
    ],
)
def test_a_batch_only_goes_forward(change: str) -> None:
    _batch()
    assert _is_refused(f"UPDATE campaigns_batch SET {change}")  # noqa: S608 - the cases above


@pytest.mark.parametrize("after", [BatchState.WAITING, BatchState.CLAIMED])
def test_a_used_up_batch_is_not_used_again(after: BatchState) -> None:
    _batch(state="done", cursor=3)
    assert _is_refused("UPDATE campaigns_batch SET state = %s", after.value)


def test_a_batch_is_claimed_given_back_and_used_up() -> None:
    _batch()
    for change in ("state = 'waiting'", "state = 'claimed', cursor = 3", "state = 'done'"):
        assert not _is_refused(f"UPDATE campaigns_batch SET {change}")  # noqa: S608 - the cases above


def test_what_a_run_sends_is_frozen_with_its_audience() -> None:
    _run(RunState.PREPARING)
    assert not _is_refused("""UPDATE campaigns_run SET frozen = '{"subject": "a"}', audience = 5""")
    assert _is_refused("""UPDATE campaigns_run SET frozen = '{"subject": "b"}'""")
    assert _is_refused("UPDATE campaigns_run SET template_version_id = template_version_id + 1")
    assert _is_refused("DELETE FROM campaigns_run")


def test_decisions_are_kept_as_they_were_made() -> None:
    Decision.objects.create(run_id=1, subscriber_ids=[1], action="resend")
    assert _is_refused("UPDATE campaigns_decision SET decided_by = 7")
    assert _is_refused("DELETE FROM campaigns_decision")


def test_cancelling_leaves_those_who_wait_to_be_mailed_again_unresolved() -> None:
    run = _run(RunState.PAUSED, audience=4)
    for person, reason in ((1, "resend"), (2, "resend"), (3, "lost_answer")):
        Delivery.objects.create(
            run_id=run.pk, subscriber_id=person, state="unresolved", reason=reason, at=clock.now()
        )
    Delivery.objects.filter(subscriber_id=2).update(state="accepted", reason="")
    shared = {"run_id": run.pk, "template_version_id": 1, "sender_id": 1}
    Batch.objects.create(number=0, subscriber_ids=[4], count=1, **shared)
    Batch.objects.create(number=1, subscriber_ids=[1, 2], count=2, resend=True, **shared)
    assert states.cancel(run.pk)
    found = Delivery.objects.order_by("subscriber_id").values_list("state", "reason")
    assert list(found) == [
        ("unresolved", "not_resent"),
        ("accepted", ""),
        ("unresolved", "lost_answer"),
        ("skipped", "cancelled"),
    ]
