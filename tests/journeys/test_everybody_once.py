"""How mailings went wrong elsewhere: half the list was not mailed, or some people several times.

One test for each of those situations, named after it. In each of them everybody has exactly one end, the rows say who
and why, and nobody is mailed twice.
"""

import datetime as dt
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from campaigns import periodic
from campaigns.models import Batch, Call, Campaign, DecisionAction, Delivery, PauseReason, Run
from campaigns.selectors import recipients
from campaigns.selectors import runs as run_selectors
from campaigns.selectors import sending as work
from campaigns.sending import cut, drain, freeze, plans, recover, states, timing
from campaigns.services import decisions, resending, runs, sending_settings, starting
from mailplatform.accounts.services import installation
from mailplatform.aws import errors, ses
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import MailingList, Subscriber, Subscription
from tests.campaigns.conftest import fake
from tests.factories import campaigns as factories
from tests.factories.sending import (
    FakeSes,
    Script,
    addresses,
    drain_all,
    expire,
    mailbox,
    make_list,
    make_people,
    make_run,
    states_of,
    store_template,
)

__all__ = ["fake"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site")]

PEOPLE = 130
QUOTA_WORDS = "Daily message quota exceeded."


@pytest.fixture
def people() -> list[Subscriber]:
    return make_people(PEOPLE, make_list())


@pytest.fixture
def run(people: list[Subscriber]) -> Run:
    return make_run(MailingList.objects.latest("pk"))


def and_then(fake: FakeSes, act: Callable[[], object]) -> Script:
    """A call that is accepted while somebody does something."""

    def in_a_thread_of_its_own() -> None:
        try:
            act()
        finally:
            connections.close_all()

    def script(request: dict[str, Any]) -> list[ses.EntryResult]:
        found = fake.accept(request)
        thread = threading.Thread(target=in_a_thread_of_its_own)
        thread.start()
        thread.join(20)
        return found

    return script


def check_everybody_once(run: Run, fake: FakeSes, people: list[Subscriber]) -> None:
    """Sent; each person accepted, and mailed, exactly once."""
    run.refresh_from_db()
    assert (run.state, run.pause_reason) == ("sent", "")
    assert fake.accepted == addresses(people)
    assert states_of(run) == {"accepted": len(people)}


def pause(run: Run) -> None:
    assert runs.pause_run(run_id=run.pk, by=PauseReason.PERSON, reason="lunch")


def test_a_worker_that_dies_after_taking_people_does_not_finish_the_campaign_without_them(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    plan = plans.Plan.load(run, "mailplatform")
    taken = cut.cut(plan, held=None, token=uuid.uuid4(), most=50, call_size=50)
    assert taken is not None
    drain_all(run, fake, seconds=1)
    # Nobody came back to say what became of the fifty: the campaign is not through.
    assert run.state == "sending"
    assert fake.accepted.total() == 0 or fake.accepted.total() == PEOPLE - 50
    expire()
    recover.recover()
    drain_all(run, fake)
    assert (run.state, states_of(run)) == ("sent", {"accepted": PEOPLE - 50, "unresolved": 50})
    unsent = {person.email for person in people} - set(fake.accepted)
    assert {row.email for row in recipients.stream(run, state="unresolved")} == unsent


def test_pausing_and_resuming_mails_nobody_twice(run: Run, people: list[Subscriber], fake: FakeSes) -> None:
    for _ in range(2):
        fake.script = [and_then(fake, lambda: pause(run))]
        drain_all(run, fake)
        assert run.state in {"paused", "sent"}
        if run.state == "paused":
            runs.resume_run(run_id=run.pk)
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


@pytest.mark.parametrize(
    "error",
    [
        errors.call_error(400, "AccountSuspendedException", "suspended"),
        errors.call_error(403, "InvalidSignatureException", "wrong key"),
        errors.call_error(400, "SendingPausedException", "paused"),
    ],
    ids=["suspended", "wrong-key", "paused"],
)
def test_resuming_after_an_error_goes_on_where_it_stopped(
    run: Run, people: list[Subscriber], fake: FakeSes, error: errors.SesError
) -> None:
    fake.script = [fake.accept, fake.fail(error)]
    drain_all(run, fake)
    assert (run.state, run.paused_by) == ("paused", PauseReason.ACCOUNT)
    assert 0 < fake.accepted.total() < PEOPLE
    fake.script.clear()
    runs.resume_run(run_id=run.pk)
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_a_subscriber_on_three_lists_gets_the_campaign_once(fake: FakeSes) -> None:
    lists = [make_list() for _ in range(3)]
    people = make_people(5, lists[0])
    Subscription.objects.bulk_create(
        Subscription(subscriber=person, mailing_list=each, state="confirmed")
        for each in lists[1:]
        for person in people
    )
    run = make_run(lists[0], list_ids=[each.pk for each in lists])
    assert run.audience == 5
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_a_pause_and_a_restart_do_not_finish_the_campaign_early(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    pause(run)
    drain_all(run, fake)
    # The restart: every task is gone, only Postgres knows.
    periodic.reissue()
    periodic.recover_leases()
    run.refresh_from_db()
    assert (run.state, fake.calls) == ("paused", [])
    runs.resume_run(run_id=run.pk)
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_settings_saved_while_sending_do_not_finish_the_campaign(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    def save() -> None:
        installation.update(actor=None, company="Renamed Ltd", sender_name="Other", reply_to="a@example.com")
        sending_settings.update(actor=None, grace_seconds=0, late_start_minutes=5)

    fake.script = [and_then(fake, save), and_then(fake, save)]
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_a_server_restored_from_a_snapshot_does_not_send_an_old_scheduled_campaign(
    people: list[Subscriber],
) -> None:
    campaign = factories.make_campaign(subject="News")
    campaign.lists.add(MailingList.objects.latest("pk"))
    due = clock.now() - dt.timedelta(days=30)
    Campaign.objects.filter(pk=campaign.pk).update(state="scheduled", scheduled_at=due)
    assert starting.start_due() == []
    assert not Run.objects.exists()
    campaign.refresh_from_db()
    assert campaign.missed_at is not None


def test_a_resumed_campaign_is_not_stuck_behind_a_worker_that_is_gone(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    batch = Batch.objects.filter(run_id=run.pk).earliest("number")
    Batch.objects.filter(pk=batch.pk).update(
        state="claimed", lease_token=uuid.uuid4(), lease_until=clock.now() + timing.BATCH_LEASE
    )
    pause(run)
    runs.resume_run(run_id=run.pk)
    expire()
    recover.recover()
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_a_campaign_that_reached_fewer_people_says_who_was_left_out_and_why(fake: FakeSes) -> None:
    audience = make_list()
    make_people(20, audience)
    silent = make_people(4, audience, basis="none")
    refused = make_people(1, audience)
    run = make_run(audience)
    fake.script = [reject({refused[0].email}, fake)]
    drain_all(run, fake)
    assert (run.state, run.audience) == ("sent", 25)
    assert states_of(run) == {"accepted": 20, "skipped": 4, "failed": 1}
    left_out = {row.email: row.reason for row in recipients.stream(run) if row.state != "accepted"}
    assert left_out == {person.email: "no_basis" for person in silent} | {
        refused[0].email: "message_rejected"
    }


def reject(wanted: set[str], fake: FakeSes) -> Script:
    """A call in which these addresses are refused."""

    def script(request: dict[str, Any]) -> list[ses.EntryResult]:
        found = []
        for entry in request["BulkEmailEntries"]:
            (address,) = entry["Destination"]["ToAddresses"]
            if address in wanted:
                found.append(ses.EntryResult("MESSAGE_REJECTED", "no", ""))
            else:
                fake.accepted[address] += 1
                found.append(ses.EntryResult("SUCCESS", "", uuid.uuid4().hex))
        return found

    return script


@pytest.mark.drill
def test_a_default_rate_above_the_limit_of_ses_loses_nobody(sandbox: RunningSandbox) -> None:
    # We believe in 2,000 a second; Amazon takes 100.
    sandbox.api.put("account", max_send_rate=100.0, burst_seconds=1.0)
    people = make_people(300, make_list())
    run = make_run(MailingList.objects.latest("pk"))
    store_template(run)
    while drain.drain(run.pk, seconds=20):
        pass
    run.refresh_from_db()
    assert (run.state, states_of(run)) == ("sent", {"accepted": 300})
    assert mailbox(sandbox, run) == addresses(people)


@pytest.mark.parametrize("code", ["TooManyRequestsException", "ThrottlingException"])
def test_throttled_messages_are_sent_later_and_never_counted_as_sent(
    run: Run, people: list[Subscriber], fake: FakeSes, code: str
) -> None:
    fake.script = [fake.fail(errors.call_error(429, code, "Maximum sending rate exceeded."))] * 2
    drain_all(run, fake, rounds=3)
    check_everybody_once(run, fake, people)


@pytest.mark.parametrize("status", ["TRANSIENT_FAILURE", "ACCOUNT_THROTTLED"])
def test_a_retry_repeats_only_those_of_a_call_whom_ses_did_not_take(
    run: Run, people: list[Subscriber], fake: FakeSes, status: str
) -> None:
    fake.script = [fake.statuses("SUCCESS", status, "SUCCESS")]
    drain_all(run, fake, rounds=3)
    check_everybody_once(run, fake, people)


def test_it_can_be_told_which_recipients_failed(run: Run, people: list[Subscriber], fake: FakeSes) -> None:
    wanted = {person.email for person in people[:3]}
    fake.script = [reject(wanted, fake)] * 3
    drain_all(run, fake)
    found = recipients.page(run, state="failed").rows
    assert {row.email for row in found} == wanted
    assert {row.reason for row in found} == {"message_rejected"}


def test_it_can_be_told_who_received_a_campaign_when_and_under_which_message_id(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    before = clock.now()
    drain_all(run, fake)
    rows = list(recipients.stream(run))
    assert {row.email for row in rows} == {person.email for person in people}
    stored = Delivery.objects.filter(run_id=run.pk)
    assert all(row.message_id and row.at >= before for row in stored)
    assert len({row.message_id for row in stored}) == PEOPLE


def test_sending_again_to_the_failed_mails_only_them(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    wanted = {person.email for person in people[:7]}
    fake.script = [reject(wanted, fake)] * 3
    drain_all(run, fake)
    again = resending.retry_failed(run_id=run.pk, actor=None)
    freeze.ensure_partition(again.pk)
    freeze.freeze(again)
    assert states.start(again.pk)
    drain_all(again, fake)
    assert states_of(again) == {"accepted": 7}
    assert fake.accepted == addresses(people)


def test_two_send_processes_in_parallel_mail_nobody_twice(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    go = threading.Barrier(3)

    def process() -> None:
        try:
            go.wait(10)
            drain.drain(run.pk, sender=fake, seconds=20, slots=3)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=process) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    check_everybody_once(run, fake, people)


def test_a_campaign_whose_worker_died_does_not_stay_sending_for_ever(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    plan = plans.Plan.load(run, "mailplatform")
    token = uuid.uuid4()
    assert cut.cut(plan, held=None, token=token, most=PEOPLE, call_size=50) is not None
    expire()
    recover.recover()
    drain_all(run, fake)
    assert (run.state, states_of(run)) == ("sent", {"unresolved": PEOPLE})
    assert not Call.objects.filter(state="in_flight").exists()


def test_two_launches_that_race_make_one_run(people: list[Subscriber]) -> None:
    campaign = factories.make_campaign(subject="News")
    campaign.lists.add(MailingList.objects.latest("pk"))
    go, ends = threading.Barrier(2), Counter[str]()

    def launch() -> None:
        try:
            go.wait(10)
            runs.launch(campaign=Campaign.objects.get(pk=campaign.pk), actor=None)
            ends["launched"] += 1
        except runs.AlreadyLaunched:
            ends["refused"] += 1
        finally:
            connections.close_all()

    threads = [threading.Thread(target=launch) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert ends == {"launched": 1, "refused": 1}
    assert Run.objects.filter(campaign=campaign).count() == 1


def test_a_campaign_of_which_half_failed_does_not_look_complete(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    fake.script = [fake.statuses("SUCCESS", "MESSAGE_REJECTED")] * 3
    drain_all(run, fake)
    progress = run_selectors.progress(run)
    assert (progress.accepted, progress.failed, progress.waiting) == (PEOPLE // 2, PEOPLE // 2, 0)
    assert run_selectors.counts_by_reason(run.pk) == [("failed", "message_rejected", PEOPLE // 2)]


def test_duplicate_jobs_of_one_run_mail_nobody_twice(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    for _ in range(5):
        drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_an_answer_that_was_lost_is_never_a_second_mail(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    fake.script = [fake.drop()]
    drain_all(run, fake, rounds=3)
    assert fake.accepted == addresses(people)
    assert states_of(run) == {"accepted": PEOPLE - 50, "unresolved": 50}
    # Nobody may decide while whoever made the call could still wake up.
    with pytest.raises(decisions.TooEarly):
        decisions.decide(run_id=run.pk, action=DecisionAction.RESEND, actor=None)
    drain_all(run, fake, rounds=2)
    assert fake.accepted == addresses(people)


def test_the_daily_quota_parks_the_campaign_and_it_goes_on(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    fake.script = [fake.accept, fake.fail(errors.call_error(429, "TooManyRequestsException", QUOTA_WORDS))]
    drain_all(run, fake)
    assert (run.state, run.paused_by) == ("paused", PauseReason.QUOTA)
    assert run.not_before is not None
    fake.script.clear()
    runs.resume_run(run_id=run.pk)
    drain_all(run, fake)
    check_everybody_once(run, fake, people)


def test_a_lost_task_leaves_no_campaign_stuck(run: Run, people: list[Subscriber], fake: FakeSes) -> None:
    # Redis was emptied: nothing is queued, and beat finds in Postgres what is left to do.
    assert run.pk in work.runs_without_drain()
    drain_all(run, fake)
    check_everybody_once(run, fake, people)
    assert run.pk not in work.runs_without_drain()
