"""Decisions about people of whom nobody knows: when they open, what each does, and that each happens once."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from campaigns.models import Batch, Call, Decision, DecisionAction, Delivery, Run
from campaigns.selectors import unresolved
from campaigns.sending import recover, settle, states, timing
from campaigns.services import decisions
from mailplatform.accounts.models import AuditEntry, Installation
from mailplatform.core import clock
from subscribers.models import MailingList, Subscriber, Suppression
from tests.factories import campaigns as factories
from tests.factories.sending import FakeSes, addresses, drain_all, make_list, make_people, make_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(site: Installation) -> list[Subscriber]:
    return make_people(6, make_list())


@pytest.fixture
def run(people: list[Subscriber]) -> Run:
    """A run whose one call was lost long ago; nobody got anything."""
    return lose(make_run(MailingList.objects.latest("pk")))


def lose(run: Run, *, age: dt.timedelta = timing.DECISION_FENCE + dt.timedelta(minutes=1)) -> Run:
    """Let all people of the run be in a call whose lease ended `age` ago, and finish the run."""
    ended = clock.now() - age
    batch = Batch.objects.get(run_id=run.pk)
    Batch.objects.filter(pk=batch.pk).update(state="done", cursor=batch.count)
    Call.objects.create(
        run_id=run.pk,
        batch_id=batch.pk,
        subscriber_ids=batch.subscriber_ids,
        configuration_set="mailplatform-none",
        lease_until=ended,
        started_at=ended - timing.CALL_LEASE,
    )
    assert recover.recover().people == batch.count
    assert states.finish(run.pk)
    run.refresh_from_db()
    return run


def _reasons(run: Run) -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", "reason"))


def _decide(run: Run, action: DecisionAction, **more: object) -> Decision:
    return decisions.decide(run_id=run.pk, action=action, actor=None, **more)  # type: ignore[arg-type]


def test_sending_again_mails_each_once_and_finishes_the_run_again(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    user = factories.make_user()
    made = decisions.decide(
        run_id=run.pk, action=DecisionAction.RESEND, actor=user, confirmed_count=6, figures={"calls": 1}
    )
    run.refresh_from_db()
    assert (run.state, run.campaign.state, run.finished_at) == ("sending", "sending", None)
    assert _reasons(run) == {("unresolved", "resend"): 6}
    assert (made.decided_by, made.figures, len(made.subscriber_ids)) == (user.pk, {"calls": 1}, 6)
    entry = AuditEntry.objects.get(action="deliveries.decided")
    assert (entry.actor_id, entry.detail["people"]) == (user.pk, 6)
    drain_all(run, fake)
    assert (run.state, fake.accepted) == ("sent", addresses(people))
    assert _reasons(run) == {("accepted", ""): 6}


@pytest.mark.parametrize(
    ("action", "end"),
    [
        (DecisionAction.ASSUME_SENT, ("accepted", "decided")),
        (DecisionAction.ASSUME_LOST, ("failed", "not_confirmed")),
    ],
)
def test_assuming_sends_nothing(
    run: Run, fake: FakeSes, action: DecisionAction, end: tuple[str, str]
) -> None:
    _decide(run, action)
    run.refresh_from_db()
    assert run.state == "sent"
    assert _reasons(run) == {end: 6}
    assert fake.calls == []


def test_a_second_click_decides_nothing(run: Run) -> None:
    _decide(run, DecisionAction.RESEND)
    for action in DecisionAction:
        with pytest.raises(decisions.NothingToDecide):
            _decide(run, action)
    assert Decision.objects.count() == 1
    assert Batch.objects.filter(resend=True).count() == 1


def test_chosen_people_only(run: Run, people: list[Subscriber]) -> None:
    chosen = [people[0].pk, people[3].pk, 4711]
    made = _decide(run, DecisionAction.ASSUME_SENT, subscriber_ids=chosen)
    assert made.subscriber_ids == [people[0].pk, people[3].pk]
    assert _reasons(run) == {("accepted", "decided"): 2, ("unresolved", "worker_lost"): 4}
    with pytest.raises(decisions.NothingToDecide):
        _decide(run, DecisionAction.RESEND, subscriber_ids=chosen)
    with pytest.raises(decisions.NothingToDecide):
        _decide(run, DecisionAction.RESEND, subscriber_ids=[])


def test_another_number_than_the_confirmed_one_changes_nothing(run: Run, people: list[Subscriber]) -> None:
    with connection.cursor() as cursor:
        settle.settle(cursor, [(run.pk, people[0].pk, "accepted", "m", "")])
    with pytest.raises(decisions.NumberChanged, match="You confirmed 6 people, but now there are 5"):
        _decide(run, DecisionAction.RESEND, confirmed_count=6)
    assert not Decision.objects.exists()
    assert _reasons(run) == {("accepted", ""): 1, ("unresolved", "worker_lost"): 5}


def test_nothing_opens_before_the_lease_and_the_fence_are_over(people: list[Subscriber]) -> None:
    run = lose(
        make_run(MailingList.objects.latest("pk")), age=timing.DECISION_FENCE - dt.timedelta(seconds=2)
    )
    for action in DecisionAction:
        with pytest.raises(decisions.TooEarly) as caught:
            _decide(run, action)
        assert caught.value.opens_at == Call.objects.get().lease_until + timing.DECISION_FENCE
    found = unresolved.summary(run.pk)
    assert (found.total, found.decidable, found.later, found.resending) == (6, 0, 6, 0)


def test_a_younger_call_that_carries_the_same_person_keeps_them_shut(
    run: Run, people: list[Subscriber]
) -> None:
    """The mail that was sent again is on its way, and its answer may still come."""
    Call.objects.create(
        run_id=run.pk,
        subscriber_ids=[people[0].pk],
        configuration_set="mailplatform-none",
        lease_until=clock.now() + timing.CALL_LEASE,
    )
    made = _decide(run, DecisionAction.RESEND)
    assert people[0].pk not in made.subscriber_ids
    assert len(made.subscriber_ids) == 5


def test_people_of_a_new_status_are_judged_by_when_it_came(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(2, audience)
    run = make_run(audience)
    fake.script = [fake.statuses("SUCCESS", "A_NEW_STATUS")]
    drain_all(run, fake)
    with pytest.raises(decisions.TooEarly):
        _decide(run, DecisionAction.ASSUME_LOST)
    Delivery.objects.filter(state="unresolved").update(at=clock.now() - dt.timedelta(hours=1))
    assert len(_decide(run, DecisionAction.ASSUME_LOST).subscriber_ids) == 1


@pytest.mark.parametrize("state", ["cancelled", "paused"])
def test_a_stopped_run_sends_nothing_again_and_a_paused_one_when_it_goes_on(
    run: Run, fake: FakeSes, state: str
) -> None:
    states.reopen(run.pk)
    Run.objects.filter(pk=run.pk).update(state=state)
    if state == "cancelled":
        with pytest.raises(decisions.NotResendable):
            _decide(run, DecisionAction.RESEND)
        assert len(_decide(run, DecisionAction.ASSUME_SENT).subscriber_ids) == 6
        return
    _decide(run, DecisionAction.RESEND)
    run.refresh_from_db()
    assert run.state == "paused"
    states.resume(run.pk)
    drain_all(run, fake)
    assert (run.state, fake.accepted.total()) == ("sent", 6)


def test_who_may_not_be_mailed_any_more_can_be_decided_about_once_more(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    _decide(run, DecisionAction.RESEND)
    Suppression.objects.create(email_key=people[0].email_key, reason="complaint")
    drain_all(run, fake)
    assert _reasons(run) == {("accepted", ""): 5, ("unresolved", "not_resent"): 1}
    assert _decide(run, DecisionAction.ASSUME_LOST).subscriber_ids == [people[0].pk]


def test_each_goes_out_again_in_the_language_of_the_first(run: Run, people: list[Subscriber]) -> None:
    german = Batch.objects.create(
        run_id=run.pk,
        number=1000,
        state="done",
        cursor=1,
        count=1,
        subscriber_ids=[people[0].pk],
        template_version_id=4712,
        sender_id=9,
        language="de",
    )
    Delivery.objects.filter(subscriber_id=people[0].pk).update(batch_id=german.pk)
    Delivery.objects.filter(subscriber_id=people[1].pk).update(batch_id=None)
    _decide(run, DecisionAction.RESEND)
    found = Batch.objects.filter(resend=True).order_by("language")
    assert [(b.language, b.template_version_id, b.sender_id, b.count) for b in found] == [
        ("", run.template_version_id, run.campaign.sender_id or 0, 5),
        ("de", 4712, 9, 1),
    ]


def test_large_numbers_go_into_several_batches(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decisions, "BATCH_SIZE", 4)
    run.refresh_from_db()
    first = run.batches
    _decide(run, DecisionAction.RESEND)
    numbers = Batch.objects.filter(resend=True).order_by("number").values_list("number", "count")
    assert list(numbers) == [(first, 4), (first + 1, 2)]


def test_the_command_decides_for_a_file_of_addresses(
    run: Run, people: list[Subscriber], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "emails.txt"
    path.write_text(f"{people[2].email.upper()}\n\n{people[4].email}\n")
    call_command("decide_unresolved", str(run.pk), "--assume-lost", "--emails-file", str(path))
    assert capsys.readouterr().out == "2 people: count as failed\n"
    failed = Delivery.objects.filter(state="failed").values_list("subscriber_id", flat=True)
    assert set(failed) == {people[2].pk, people[4].pk}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["4711", "--resend"], "There is no run 4711"),
        (["RUN", "--resend", "--emails-file", "/nonexistent"], "cannot be read"),
        (["RUN", "--resend", "--emails-file", "/dev/null"], "Nobody is left"),
    ],
)
def test_the_command_says_why_it_decides_nothing(run: Run, arguments: list[str], words: str) -> None:
    with pytest.raises(CommandError, match=words):
        call_command("decide_unresolved", *[a.replace("RUN", str(run.pk)) for a in arguments])
    assert not Decision.objects.exists()


def test_the_command_refuses_a_file_with_a_stranger(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "emails.txt"
    path.write_text("stranger@example.org\n")
    with pytest.raises(CommandError, match=r"stranger@example.org \(1 unknown"):
        call_command("decide_unresolved", str(run.pk), "--resend", "--emails-file", str(path))


def test_thousands_in_doubt_are_not_looked_at_for_each_of_them(run: Run) -> None:
    """Of a run that just grew the planner expects one person: a loop may only look up one person or row by its key."""
    with CaptureQueriesContext(connection) as captured:
        unresolved.page(run.pk)
        _decide(run, DecisionAction.ASSUME_SENT)
    asked = [query["sql"] for query in captured if "campaigns_delivery" in query["sql"]]
    assert len(asked) == 4
    for sql in asked:
        for loop in nodes(sql, "Nested Loop"):
            for node in below(loop["Plans"][1]):
                found = node.get("Index Cond", "")
                is_look_up = "(id = " in found or "subscriber_id = " in found
                assert is_look_up or "Plans" in node or node["Node Type"] == "Function Scan", node


def nodes(sql: str, kind: str) -> list[dict[str, Any]]:
    """The nodes of this kind in a statement's plan; tables of a few rows would be read whole."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN (FORMAT JSON) " + sql.replace("%", "%%"), [])
        return [node for node in below(cursor.fetchone()[0][0]["Plan"]) if node["Node Type"] == kind]


def below(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", ()):
        yield from below(child)
