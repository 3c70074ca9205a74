"""Events settle what a lost answer left open, whenever and however often they come."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import Batch, Call, Delivery, Run
from campaigns.sending import recover
from events import ingest
from events.services import settling
from mailplatform.core import clock
from subscribers.models import Subscriber
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload, tags

pytestmark = pytest.mark.django_db


def take(*data: dict[str, Any]) -> None:
    ingest.take_in([inbound(item) for item in data])


def _states(run: Run) -> dict[int, tuple[str, str]]:
    found = Delivery.objects.filter(run_id=run.pk).values_list("subscriber_id", "state", "reason")
    return {person: (state, reason) for person, state, reason in found}


def _lost_call(run: Run, *people: Subscriber) -> Call:
    return Call.objects.create(
        run_id=run.pk,
        subscriber_ids=[person.pk for person in people],
        configuration_set="none",
        lease_until=clock.now() - timedelta(hours=1),
    )


@pytest.mark.parametrize("kind", ["Send", "Delivery", "Bounce", "Reject", "Rendering Failure"])
@pytest.mark.parametrize("is_early", [False, True])
def test_any_event_with_our_tags_settles_an_unresolved_delivery(kind: str, is_early: bool) -> None:
    run, person, other = make_run(), make_person(), make_person()
    if is_early:
        take(payload(kind, run, person))
    for somebody in (person, other):
        make_delivery(run, somebody, state="unresolved", message_id="-")
    if not is_early:
        take(payload(kind, run, person))
    assert settling.settle_unresolved() == 1
    assert _states(run) == {person.pk: ("accepted", ""), other.pk: ("unresolved", "")}
    assert settling.settle_unresolved() == 0


def test_an_event_before_our_own_row_settles_what_recovery_writes_afterwards() -> None:
    run, person, other = make_run(), make_person(), make_person()
    _lost_call(run, person, other)
    take(payload("Send", run, person))
    assert settling.settle_unresolved() == 0
    assert recover.recover().people == 2
    assert settling.settle_unresolved() == 1
    assert _states(run) == {person.pk: ("accepted", ""), other.pk: ("unresolved", "worker_lost")}
    assert Delivery.objects.get(state="accepted").message_id == f"m-{run.pk}-{person.pk}"


def test_recovery_leaves_the_rows_of_those_who_were_sent_again() -> None:
    run, person, settled = make_run(), make_person(), make_person()
    call = _lost_call(run, person, settled)
    make_delivery(run, person, state="unresolved", reason="lost_answer", call_id=call.pk)
    make_delivery(run, settled, reason="")
    assert recover.recover() == recover.Recovered(calls=1, people=0, batches=0)
    assert _states(run) == {person.pk: ("unresolved", "lost_answer"), settled.pk: ("accepted", "")}
    assert Call.objects.get().state == "lost"


@pytest.mark.parametrize("reason", ["lost_answer", "worker_lost", "resend", "not_resent"])
def test_proof_comes_also_for_who_waits_to_be_sent_again_or_is_not(reason: str) -> None:
    run, person = make_run(), make_person()
    make_delivery(run, person, state="unresolved", reason=reason)
    take(payload("Delivery", run, person))
    assert settling.settle_unresolved() == 1


def test_the_event_of_a_second_mail_changes_nothing_more() -> None:
    run, person = make_run(), make_person()
    make_delivery(run, person, state="unresolved", message_id="-")
    take(payload("Send", run, person), payload("Send", run, person, mail={"messageId": "second"}))
    assert settling.settle_unresolved() == 1
    take(payload("Delivery", run, person, mail={"messageId": "second"}))
    assert settling.settle_unresolved() == 0
    assert Delivery.objects.get().message_id in {f"m-{run.pk}-{person.pk}", "second"}


def test_events_of_another_installation_prove_nothing() -> None:
    run, person = make_run(), make_person()
    make_delivery(run, person, state="unresolved")
    take(payload("Send", run, person, mail={"tags": tags(run, person, epoch="0" * 32 + "-1")}))
    assert settling.settle_unresolved() == 0


def test_the_same_message_twice_settles_once() -> None:
    run, person = make_run(), make_person()
    make_delivery(run, person, state="unresolved")
    message = inbound(payload("Send", run, person))
    ingest.take_in([message])
    ingest.take_in([message, message])
    assert settling.settle_unresolved() == 1


def test_proof_overrules_who_counted_a_mail_as_lost_and_no_other_failure() -> None:
    run, person, refused = make_run(), make_person(), make_person()
    make_delivery(run, person, state="failed", reason="not_confirmed")
    make_delivery(run, refused, state="failed", reason="invalid_parameter")
    take(payload("Delivery", run, person), payload("Delivery", run, refused))
    assert settling.settle_unresolved() == 1
    assert _states(run) == {person.pk: ("accepted", ""), refused.pk: ("failed", "invalid_parameter")}


def test_it_needs_neither_calls_nor_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of old runs are thinned out; people may stay unresolved for years."""
    run, people = make_run(), [make_person() for _ in range(3)]
    for person in people:
        make_delivery(run, person, state="unresolved", call_id=4711, batch_id=4712)
    take(*[payload("Send", run, person) for person in people])
    assert not Call.objects.exists()
    assert not Batch.objects.exists()
    monkeypatch.setattr(settling, "AT_ONCE", 2)
    assert settling.settle_unresolved() == 3


def test_it_reads_by_index_however_many_were_accepted() -> None:
    run = make_run()
    Delivery.objects.bulk_create(
        Delivery(run_id=run.pk, subscriber_id=number, state="accepted", at=clock.now())
        for number in range(1, 2001)
    )
    with CaptureQueriesContext(connection) as captured:
        settling.settle_unresolved()
    statement = next(query["sql"] for query in captured if "events_outcome" in query["sql"])
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {statement}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan
    assert "campaigns_delivery_r0_run_id_subscriber_id_idx" in plan
