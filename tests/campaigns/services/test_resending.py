"""Another try for those who failed: exactly them, once, with the same content."""

from collections import Counter

import pytest
from django.db import connection

from campaigns.models import Batch, Call, DecisionAction, Delivery, Run, RunPurpose
from campaigns.sending import prepare, states, timing
from campaigns.sending.settle import settle
from campaigns.services import decisions, resending
from mailplatform.accounts.models import AuditEntry, Installation
from mailplatform.aws import errors
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import MailingList, Subscriber, Suppression
from tests.factories import campaigns as factories
from tests.factories.sending import FakeSes, addresses, drain_all, make_list, make_people, make_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def people(site: Installation) -> list[Subscriber]:
    return make_people(6, make_list())


@pytest.fixture
def run(people: list[Subscriber], fake: FakeSes) -> Run:
    """A sent run in which every second person failed."""
    run = make_run(MailingList.objects.latest("pk"))
    fake.script = [fake.statuses("SUCCESS", "MESSAGE_REJECTED")]
    drain_all(run, fake)
    assert run.state == "sent"
    return run


def _reasons(run: Run) -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", "reason"))


def test_exactly_the_failed_get_another_try_and_eligibility_is_asked_again(
    sandbox: RunningSandbox, run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    failed = set(
        Delivery.objects.filter(run_id=run.pk, state="failed").values_list("subscriber_id", flat=True)
    )
    gone = next(person for person in people if person.pk in failed)
    Suppression.objects.create(email_key=gone.email_key, reason="complaint")
    make_people(2, MailingList.objects.latest("pk"))
    user = factories.make_user()
    again = resending.retry_failed(run_id=run.pk, actor=user, confirmed_count=3)
    assert (again.purpose, again.source_run, again.number) == (RunPurpose.FAILED, run, run.number + 1)
    assert (again.frozen, again.template_version) == (run.frozen, run.template_version)
    assert prepare.prepare(again.pk)
    assert set(Batch.objects.get(run_id=again.pk).subscriber_ids) == failed
    drain_all(again, fake)
    assert (again.state, again.campaign.state, again.audience) == ("sent", "sent", 3)
    assert _reasons(again) == {("accepted", ""): 2, ("skipped", "complained"): 1}
    assert fake.accepted == addresses([p for p in people if p != gone])
    assert _reasons(run) == {("accepted", ""): 3, ("failed", "message_rejected"): 3}
    assert AuditEntry.objects.get(action="campaign.failed_retried").detail["people"] == 3


def test_a_second_click_makes_no_second_run(run: Run) -> None:
    first = resending.retry_failed(run_id=run.pk, actor=None)
    with pytest.raises(resending.AlreadyRetried) as caught:
        resending.retry_failed(run_id=run.pk, actor=None)
    assert caught.value.run == first
    assert Run.objects.count() == 2


def test_those_who_failed_again_can_be_tried_from_there(
    sandbox: RunningSandbox, run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    again = resending.retry_failed(run_id=run.pk, actor=None)
    prepare.prepare(again.pk)
    fake.script = [fake.statuses("SUCCESS", "SUCCESS", "INVALID_PARAMETER")]
    drain_all(again, fake)
    third = resending.retry_failed(run_id=again.pk, actor=None)
    prepare.prepare(third.pk)
    drain_all(third, fake)
    assert (third.number, third.audience) == (run.number + 2, 1)
    assert fake.accepted == addresses(people)


def test_a_try_that_could_not_start_does_not_count(run: Run) -> None:
    first = resending.retry_failed(run_id=run.pk, actor=None)
    states.fail(first.pk, "Amazon SES could not be reached.")
    assert resending.retry_failed(run_id=run.pk, actor=None) != first


def test_not_while_it_sends(site: Installation, people: list[Subscriber]) -> None:
    run = make_run(MailingList.objects.latest("pk"))
    with pytest.raises(resending.StillSending):
        resending.retry_failed(run_id=run.pk, actor=None)


def test_nobody_failed(site: Installation, people: list[Subscriber], fake: FakeSes) -> None:
    run = make_run(MailingList.objects.latest("pk"))
    drain_all(run, fake)
    with pytest.raises(resending.NobodyFailed):
        resending.retry_failed(run_id=run.pk, actor=None)


def test_another_number_than_the_confirmed_one_launches_nothing(run: Run) -> None:
    with pytest.raises(resending.NumberChanged, match="You confirmed 4 people, but 3 failed"):
        resending.retry_failed(run_id=run.pk, actor=None, confirmed_count=4)
    assert Run.objects.count() == 1


@pytest.fixture
def doubted(people: list[Subscriber], fake: FakeSes) -> Run:
    """A sent run of which nobody's answer came, though everybody got it, and a person counted them as failed."""
    run = make_run(MailingList.objects.latest("pk"))
    fake.script = [fake.drop()]
    drain_all(run, fake)
    Delivery.objects.filter(run_id=run.pk).update(state="failed", reason="not_confirmed")
    assert run.state == "sent"
    return run


def _prove(run: Run, people: list[Subscriber]) -> None:
    """An event tells that they have the mail."""
    with connection.cursor() as cursor:
        assert settle(cursor, [(run.pk, p.pk, "accepted", "m", "") for p in people]) == len(people)


def test_whoever_is_proved_to_have_it_while_the_try_waits_is_left_out(
    sandbox: RunningSandbox, doubted: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    again = resending.retry_failed(run_id=doubted.pk, actor=None, confirmed_count=6)
    detail = AuditEntry.objects.get(action="campaign.failed_retried").detail
    assert (detail["people"], detail["doubtful"]) == (6, 6)
    prepare.prepare(again.pk)
    _prove(doubted, people[:4])
    drain_all(again, fake)
    assert (again.state, again.audience) == ("sent", 6)
    assert _reasons(again) == {("accepted", ""): 2, ("skipped", "accepted_before"): 4}
    assert {email for email, mails in fake.accepted.items() if mails == 1} == {p.email for p in people[:4]}


def test_proof_of_the_first_of_three_tries_counts_for_the_third(
    sandbox: RunningSandbox, doubted: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    again = resending.retry_failed(run_id=doubted.pk, actor=None)
    prepare.prepare(again.pk)
    fake.script = [fake.statuses("MESSAGE_REJECTED")]
    drain_all(again, fake)
    third = resending.retry_failed(run_id=again.pk, actor=None)
    prepare.prepare(third.pk)
    _prove(doubted, people[:1])
    drain_all(third, fake)
    assert _reasons(third) == {("accepted", ""): 5, ("skipped", "accepted_before"): 1}
    assert fake.accepted[people[0].email] == 1


def test_whoever_is_sent_again_in_the_second_try_is_asked_about_too(
    sandbox: RunningSandbox, doubted: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    again = resending.retry_failed(run_id=doubted.pk, actor=None)
    prepare.prepare(again.pk)
    fake.script = [fake.fail(errors.LostAnswerError("dropped"))]
    drain_all(again, fake)
    Call.objects.all().delete()
    Delivery.objects.filter(run_id=again.pk).update(at=clock.now() - timing.DECISION_FENCE)
    decisions.decide(run_id=again.pk, action=DecisionAction.RESEND, actor=None)
    _prove(doubted, people[:4])
    drain_all(again, fake)
    assert _reasons(again) == {("accepted", ""): 2, ("unresolved", "not_resent"): 4}
