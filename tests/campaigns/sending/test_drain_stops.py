"""What stops a run: the account, the configuration, the quota, a person; and nobody fails because of it."""

from collections import Counter
from typing import Any

import pytest
from django.db import connection

from campaigns.models import Delivery, PauseReason, Run
from campaigns.sending import crew, drain, lane, states
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import errors, ses
from mailplatform.core import clock
from tests.factories.sending import (
    FakeSes,
    addresses,
    drain_all,
    make_list,
    make_people,
    make_run,
    states_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


def _reasons(run: Run) -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", "reason"))


def _refused(code: str, words: str = "") -> errors.SesError:
    return errors.call_error(429 if code == "TooManyRequestsException" else 400, code, words)


@pytest.mark.parametrize(
    ("code", "words"),
    [("AccountSuspendedException", "suspended"), ("NotFoundException", "Template x does not exist")],
)
def test_account_and_configuration_stop_the_run_and_nobody_fails(
    site: Installation, fake: FakeSes, code: str, words: str
) -> None:
    audience = make_list()
    people = make_people(60, audience)
    run = make_run(audience)
    fake.script = [fake.fail(_refused(code, words))] * 2
    assert drain_all(run, fake) is False
    assert (run.state, run.campaign.state, run.paused_by) == ("paused", "paused", "account")
    assert words in run.pause_reason
    assert states_of(run) == {}
    states.resume(run.pk)
    drain_all(run, fake)
    assert fake.accepted == addresses(people)


@pytest.mark.parametrize(
    "status", ["ACCOUNT_SENDING_PAUSED", "CONFIGURATION_SET_NOT_FOUND", "TEMPLATE_NOT_FOUND"]
)
def test_an_entry_can_stop_the_run_too(site: Installation, fake: FakeSes, status: str) -> None:
    audience = make_list()
    people = make_people(4, audience)
    run = make_run(audience)
    fake.script = [fake.statuses("SUCCESS", status)]
    drain_all(run, fake)
    assert (run.state, run.pause_reason) == ("paused", f"{status}: words")
    states.resume(run.pk)
    drain_all(run, fake)
    assert fake.accepted == addresses(people)


def test_the_daily_quota_parks_the_run(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(4, audience)
    run = make_run(audience)
    fake.script = [fake.statuses("SUCCESS", "ACCOUNT_DAILY_QUOTA_EXCEEDED")]
    drain_all(run, fake)
    assert (run.state, run.paused_by) == ("paused", "quota")
    assert run.not_before is not None
    assert run.not_before > clock.now()
    states.resume(run.pk)
    drain_all(run, fake)
    assert fake.accepted == addresses(people)


@pytest.mark.parametrize(
    ("changes", "by"),
    [
        ({"max_24_hour_send": 100.0, "sent_last_24_hours": 100.0}, "quota"),
        ({"sending_enabled": False}, "account"),
        ({"enforcement_status": "SHUTDOWN"}, "account"),
        ({"max_send_rate": 0.0}, "account"),
    ],
)
def test_an_account_that_may_not_send_is_not_asked(
    site: Installation, fake: FakeSes, changes: dict[str, Any], by: str
) -> None:
    audience = make_list()
    make_people(4, audience)
    run = make_run(audience)
    installation.update(actor=None, **changes)
    drain_all(run, fake)
    assert (run.state, run.paused_by) == ("paused", by)
    assert fake.calls == []


def test_refusing_everybody_pauses_the_run(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(100, audience)
    run = make_run(audience)
    fake.script = [fake.fail(_refused("BadRequestException", "illegal sender"))] * 200
    drain_all(run, fake)
    assert (run.state, run.paused_by) == ("paused", "account")
    assert states_of(run)["failed"] <= lane.Health.REFUSED_STREAK


@pytest.fixture
def one_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a slow machine a second lane would take a batch of its own."""
    monkeypatch.setattr(crew, "MAX_LANES", 1)


def test_a_pause_stops_the_next_cut(site: Installation, fake: FakeSes, one_lane: None) -> None:
    audience = make_list()
    people = make_people(1200, audience)
    run = make_run(audience)

    def pausing(request: dict[str, Any]) -> list[ses.EntryResult]:
        states.pause(run.pk, by=PauseReason.PERSON, reason="by Ada")
        connection.close()
        return fake.accept(request)

    fake.script = [pausing]
    assert drain_all(run, fake) is False
    assert (run.state, run.paused_by) == ("paused", "person")
    assert states_of(run) == {"accepted": 500}
    assert states.resume(run.pk)
    drain_all(run, fake)
    assert run.state == "sent"
    assert fake.accepted == addresses(people)


def test_cancelling_gives_the_rest_a_row(site: Installation, fake: FakeSes, one_lane: None) -> None:
    audience = make_list()
    make_people(1200, audience)
    run = make_run(audience)

    def cancelling(request: dict[str, Any]) -> list[ses.EntryResult]:
        states.cancel(run.pk)
        connection.close()
        return fake.statuses("SUCCESS", "TRANSIENT_FAILURE")(request)

    fake.script = [cancelling]
    drain_all(run, fake)
    assert (run.state, run.campaign.state) == ("cancelled", "cancelled")
    assert _reasons(run) == {("accepted", ""): 475, ("skipped", "cancelled"): 725}


def test_sums_that_do_not_hold_end_as_failed(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(4, audience)
    run = make_run(audience)
    Run.objects.filter(pk=run.pk).update(audience=5)
    drain_all(run, fake)
    assert run.state == "failed"
    assert run.pause_reason == "The audience counts 5 people, but 4 have a result."


def test_no_keys_pause_the_run_with_the_reason(site: Installation) -> None:
    audience = make_list()
    make_people(1, audience)
    run = make_run(audience)
    installation.update(actor=None, region="us-east-1")
    assert drain.drain(run.pk) is False
    run.refresh_from_db()
    assert (run.state, run.paused_by) == ("paused", "account")
    assert "European Economic Area" in run.pause_reason
