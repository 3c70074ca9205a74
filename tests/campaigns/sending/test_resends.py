"""People who are mailed again by a decision: their row stays one, and only those who wait for it are mailed."""

import uuid
from collections import Counter

import pytest
from django.db import connection

from campaigns.models import Batch, Call, DecisionAction, Delivery, Run, RunState, TemplateVersion
from campaigns.sending import cut, record, states, timing
from campaigns.sending.call import Answer
from campaigns.sending.settle import settle
from campaigns.services import decisions
from mailplatform.accounts.models import Installation
from mailplatform.aws import errors, ses
from mailplatform.core import clock
from subscribers.models import MailingList, Subscriber, Suppression
from tests.factories import campaigns as factories
from tests.factories.sending import FakeSes, addresses, drain_all, make_list, make_people, make_run

pytestmark = pytest.mark.django_db(transaction=True)


def _reasons(run: Run) -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", "reason"))


def _lose(run: Run, fake: FakeSes) -> list[int]:
    """Send the run so that nobody knows of anybody; returns the people."""
    fake.script = [fake.fail(errors.LostAnswerError("dropped"))]
    drain_all(run, fake)
    assert _reasons(run) == {("unresolved", "lost_answer"): run.audience}
    assert not fake.accepted
    return list(Delivery.objects.filter(run_id=run.pk).values_list("subscriber_id", flat=True))


def _decide(run: Run, ids: list[int], *, also: int = 0) -> None:
    """What a decision to send again writes."""
    Delivery.objects.filter(run_id=run.pk, subscriber_id__in=ids).update(reason="resend")
    for number in range(1 + also):
        Batch.objects.create(
            run_id=run.pk,
            number=1000 + number,
            attempt=2,
            subscriber_ids=ids,
            count=len(ids),
            template_version_id=run.template_version_id,
            sender_id=run.campaign.sender_id or 0,
            resend=True,
        )
    Run.objects.filter(pk=run.pk).update(state=RunState.SENDING)


@pytest.fixture
def people(site: Installation) -> list[Subscriber]:
    return make_people(20, make_list())


@pytest.fixture
def lost(people: list[Subscriber], fake: FakeSes) -> Run:
    run = make_run(MailingList.objects.latest("pk"))
    _lose(run, fake)
    return run


def test_those_who_wait_are_mailed_once_and_their_row_tells(
    lost: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    _decide(lost, [p.pk for p in people])
    drain_all(lost, fake)
    assert lost.state == "sent"
    assert fake.accepted == addresses(people)
    assert _reasons(lost) == {("accepted", ""): 20}
    call = Call.objects.latest("pk")
    assert set(Delivery.objects.values_list("call_id", "attempt", "state")) == {(call.pk, 2, "accepted")}
    assert not Delivery.objects.filter(message_id="").exists()


def test_two_batches_that_name_the_same_people_mail_them_once(
    lost: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    _decide(lost, [p.pk for p in people], also=1)
    drain_all(lost, fake)
    assert fake.accepted == addresses(people)


def test_whom_an_event_settled_meanwhile_is_left_out(
    lost: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    _decide(lost, [p.pk for p in people])
    with connection.cursor() as cursor:
        settle(cursor, [(lost.pk, people[0].pk, "accepted", "from-the-event", "")])
    drain_all(lost, fake)
    assert fake.accepted == addresses(people[1:])
    assert Delivery.objects.get(subscriber_id=people[0].pk).message_id == "from-the-event"


def test_only_unresolved_people_who_wait_are_let_through(
    lost: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    stranger = make_people(1, MailingList.objects.latest("pk"))[0]
    _decide(lost, [p.pk for p in (*people, stranger)])
    Delivery.objects.filter(subscriber_id=people[0].pk).update(reason="lost_answer")
    Delivery.objects.filter(subscriber_id=people[1].pk).update(state="failed", reason="resend")
    drain_all(lost, fake)
    assert fake.accepted == addresses(people[2:])


def test_whoever_may_not_be_mailed_any_more_stays_unresolved(
    lost: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    _decide(lost, [p.pk for p in people])
    Suppression.objects.create(email_key=people[0].email_key, reason="complaint")
    Subscriber.objects.filter(pk=people[1].pk).update(email="jürgen@example.com")
    drain_all(lost, fake)
    assert lost.state == "sent"
    assert _reasons(lost) == {("accepted", ""): 18, ("unresolved", "not_resent"): 2}


def test_a_second_lost_answer_leaves_them_unresolved(
    lost: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    _decide(lost, [p.pk for p in people])
    _lose(lost, fake)
    assert set(Delivery.objects.values_list("call_id", flat=True)) == {Call.objects.latest("pk").pk}


def test_entries_to_be_tried_again_stay_unresolved_until_they_are(
    lost: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    _decide(lost, [p.pk for p in people])
    fake.script = [
        fake.statuses("SUCCESS", "TRANSIENT_FAILURE", "MESSAGE_REJECTED", "ACCOUNT_SENDING_PAUSED")
    ]
    drain_all(lost, fake)
    assert lost.state == "paused"
    assert _reasons(lost) == {
        ("accepted", ""): 5,
        ("unresolved", "not_resent"): 5,
        ("unresolved", "resend"): 10,
    }
    assert set(Batch.objects.exclude(state="done").values_list("resend", flat=True)) == {True}
    Batch.objects.update(not_before=None)
    states.resume(lost.pk)
    drain_all(lost, fake)
    assert _reasons(lost) == {("accepted", ""): 15, ("unresolved", "not_resent"): 5}
    assert max(fake.accepted.values()) == 1


def test_a_refused_second_mail_proves_nothing_of_the_first(
    lost: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    _decide(lost, [p.pk for p in people])
    fake.script = [fake.statuses("INVALID_PARAMETER")]
    drain_all(lost, fake)
    assert lost.state == "sent"
    assert _reasons(lost) == {("unresolved", "not_resent"): 20}
    assert Call.objects.latest("pk").error == "INVALID_PARAMETER: words"
    with connection.cursor() as cursor:
        settle(cursor, [(lost.pk, people[0].pk, "accepted", "the-first", "")])
    assert Delivery.objects.get(subscriber_id=people[0].pk).state == "accepted"
    # Whom the event left out may be decided about once more.
    Call.objects.all().delete()
    Delivery.objects.filter(state="unresolved").update(at=clock.now() - timing.DECISION_FENCE)
    made = decisions.decide(run_id=lost.pk, action=DecisionAction.RESEND, actor=None)
    assert len(made.subscriber_ids) == 19
    drain_all(lost, fake)
    assert fake.accepted == addresses(people[1:])


def test_a_whole_call_that_is_refused_again_for_each_proves_nothing_either(
    lost: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    _decide(lost, [p.pk for p in people[:2]])
    refusal = fake.fail(errors.call_error(400, "BadRequestException", "malformed"))
    fake.script = [refusal] * 3
    drain_all(lost, fake)
    assert _reasons(lost) == {("unresolved", "not_resent"): 2, ("unresolved", "lost_answer"): 18}
    assert fake.script == []


def test_a_second_mail_that_ses_could_never_take_proves_nothing_of_the_first(
    lost: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    _decide(lost, [p.pk for p in people])
    fake.script = [fake.statuses("TRANSIENT_FAILURE")] * timing.MAX_ATTEMPTS
    drain_all(lost, fake)
    assert lost.state == "sent"
    assert _reasons(lost) == {("unresolved", "not_resent"): 20}


def test_a_late_refusal_of_the_first_mail_proves_nothing_of_the_second(
    lost: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    first = Call.objects.get()
    _decide(lost, [p.pk for p in people[:15]])
    fake.script = [fake.fail(errors.LostAnswerError("dropped"))]
    drain_all(lost, fake)
    ids = list(first.subscriber_ids)
    prepared = cut.PreparedCall(first.pk, 0, 1, ids, False, False, b"{}", first.lease_until)
    refused = [ses.EntryResult("MESSAGE_REJECTED", "words", "")] * len(ids)
    record.record(lost.pk, 0, uuid.uuid4(), [Answer(prepared, results=refused)])
    assert _reasons(lost) == {("unresolved", "lost_answer"): 15, ("failed", "message_rejected"): 5}
    second = cut.PreparedCall(
        Call.objects.latest("pk").pk, 0, 1, [people[0].pk], False, False, b"{}", first.lease_until, True
    )
    record.record(lost.pk, 0, uuid.uuid4(), [Answer(second, results=refused[:1])])
    assert _reasons(lost)["unresolved", "lost_answer"] == 15


def test_a_run_closed_meanwhile_gives_them_up(lost: Run, people: list[Subscriber], fake: FakeSes) -> None:
    _decide(lost, [p.pk for p in people])

    def closing(request: object) -> list[object]:
        Run.objects.filter(pk=lost.pk).update(state=RunState.CANCELLED)
        raise errors.NotReachedError("refused")

    fake.script = [closing]  # type: ignore[list-item]
    drain_all(lost, fake)
    assert _reasons(lost) == {("unresolved", "not_resent"): 20}


def test_each_batch_is_sent_with_its_own_version(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(6, audience)
    run = make_run(audience)
    german = factories.make_run(factories.make_campaign()).template_version
    TemplateVersion.objects.filter(pk=german.pk).update(ses_name="mp-german")
    ids = Batch.objects.get().subscriber_ids
    Batch.objects.all().delete()
    for number, part, version, language in (
        (0, ids[:4], run.template_version_id, ""),
        (1, ids[4:], german.pk, "de"),
    ):
        Batch.objects.create(
            run_id=run.pk,
            number=number,
            subscriber_ids=part,
            count=len(part),
            template_version_id=version,
            sender_id=0,
            language=language,
        )
    drain_all(run, fake)
    assert fake.accepted == addresses(people)
    names = {c["DefaultContent"]["Template"]["TemplateName"]: len(c["BulkEmailEntries"]) for c in fake.calls}
    assert names == {run.template_version.ses_name: 4, "mp-german": 2}
