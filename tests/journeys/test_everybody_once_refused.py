"""How mailings went wrong elsewhere: some were refused, and nobody could tell whom, or all were mailed again.

In each situation everybody has exactly one end, the rows say who and why, and nobody is mailed twice.
"""

import uuid
from typing import Any

import pytest

from campaigns.models import Delivery, Run
from campaigns.selectors import recipients
from campaigns.selectors import runs as run_selectors
from campaigns.sending import drain, freeze, states
from campaigns.services import resending
from mailplatform.aws import errors, ses
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import MailingList, Subscriber
from tests.campaigns.conftest import fake
from tests.factories.sending import (
    FakeSes,
    Script,
    addresses,
    drain_all,
    mailbox,
    make_list,
    make_people,
    make_run,
    states_of,
    store_template,
)
from tests.journeys.everybody import PEOPLE, check_everybody_once, people, run

__all__ = ["fake", "people", "run"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("site")]


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


def test_a_campaign_of_which_half_failed_does_not_look_complete(
    run: Run, people: list[Subscriber], fake: FakeSes
) -> None:
    fake.script = [fake.statuses("SUCCESS", "MESSAGE_REJECTED")] * 3
    drain_all(run, fake)
    progress = run_selectors.progress(run)
    assert (progress.accepted, progress.failed, progress.waiting) == (PEOPLE // 2, PEOPLE // 2, 0)
    assert run_selectors.counts_by_reason(run.pk) == [("failed", "message_rejected", PEOPLE // 2)]
