"""The whole loop on a real Postgres and a real Redis: who was mailed, how often, and what the rows say."""

import datetime as dt
from collections import Counter
from typing import Any

import pytest
import redis
from django.db import connection
from django.test.utils import CaptureQueriesContext

from campaigns.models import Batch, Call, Delivery, Drain, PauseReason, Run
from campaigns.sending import drain, lane, limiter, recover, states
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import errors, ses
from mailplatform.core import clock
from subscribers.models import Profile, Subscriber, Subscription, Suppression
from tests.factories.sending import (
    FakeSes,
    addresses,
    drain_all,
    expire,
    make_list,
    make_people,
    make_run,
    nap,
    states_of,
)

pytestmark = pytest.mark.django_db(transaction=True)


def _reasons(run: Run) -> Counter[tuple[str, str]]:
    return Counter(Delivery.objects.filter(run_id=run.pk).values_list("state", "reason"))


def _refused(code: str, words: str = "") -> errors.SesError:
    return errors.call_error(429 if code == "TooManyRequestsException" else 400, code, words)


def test_everybody_is_mailed_once(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    people = make_people(1203, audience)
    run = make_run(audience)
    assert drain_all(run, fake) is False
    assert (run.state, run.campaign.state, run.audience) == ("sent", "sent", 1203)
    assert fake.accepted == addresses(people)
    assert states_of(run) == {"accepted": 1203}
    assert set(Batch.objects.values_list("state", flat=True)) == {"done"}
    assert set(Call.objects.values_list("state", flat=True)) == {"recorded"}
    assert len(fake.calls) == 25
    assert Delivery.objects.filter(message_id="").count() == 0


def test_a_second_drain_of_a_finished_run_does_nothing(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(3, audience)
    run = make_run(audience)
    drain_all(run, fake)
    assert drain.drain(run.pk, sender=fake) is False
    assert len(fake.calls) == 1


def test_one_drain_per_run_at_a_time(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(3, audience)
    run = make_run(audience)
    Drain.objects.create(run_id=run.pk, lease_until=clock.now() + dt.timedelta(seconds=30))
    assert drain.drain(run.pk, sender=fake, slots=1) is False
    assert fake.calls == []


def test_two_commits_for_five_hundred_people(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(500, audience)
    run = make_run(audience)
    with CaptureQueriesContext(connection) as captured:
        drain_all(run, fake)
    writes = [query["sql"] for query in captured if query["sql"].startswith(("BEGIN", "COMMIT"))]
    # The slot, the cut, the recording, the look for more work that finds none, and the end of the run.
    assert writes.count("COMMIT") == 5
    assert len(captured) <= 40


def test_the_ineligible_are_skipped_with_their_reason(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    good = make_people(5, audience)
    bounced, left, erased = make_people(3, audience)
    make_people(2, audience, basis="none")
    make_people(1, audience, basis="withdrawn")
    run = make_run(audience)
    Suppression.objects.create(email_key=bounced.email_key, reason="bounce")
    Subscription.objects.filter(subscriber=left).update(state="unsubscribed")
    Profile.objects.filter(subscriber_id=erased.pk).delete()
    Subscriber.objects.filter(pk=erased.pk).delete()
    drain_all(run, fake)
    assert run.state == "sent"
    assert fake.accepted == addresses(good)
    assert _reasons(run) == {
        ("accepted", ""): 5,
        ("skipped", "bounced"): 1,
        ("skipped", "left_list"): 1,
        ("skipped", "erased"): 1,
        ("skipped", "no_basis"): 2,
        ("skipped", "withdrawn"): 1,
    }


def test_with_a_segment_those_who_left_a_chosen_list_are_skipped_all_the_same(
    site: Installation, fake: FakeSes
) -> None:
    audience, other = make_list(), make_list()
    stays, left = make_people(2, audience)
    run = make_run(audience, segment_chosen=True)
    Subscription.objects.filter(subscriber=stays).delete()
    Subscription.objects.filter(subscriber=left).update(state="unsubscribed")
    Subscription.objects.create(subscriber=left, mailing_list=other, state="confirmed")
    drain_all(run, fake)
    assert _reasons(run) == {("accepted", ""): 1, ("skipped", "left_list"): 1}
    assert fake.accepted == addresses([stays])


def test_an_audience_of_only_ineligible_people_costs_no_tokens(site: Installation, fake: FakeSes) -> None:
    """At one mail a second, five hundred people who may not be mailed must not take eight minutes."""
    installation.update(actor=None, max_send_rate=1.0)
    audience = make_list()
    make_people(40, audience, basis="none")
    run = make_run(audience)
    drain_all(run, fake, seconds=15)
    assert run.state == "sent"
    assert states_of(run) == {"skipped": 40}


def test_tracking_consent_chooses_the_configuration_set(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    expected = {
        f"mailplatform-{name}": addresses(
            make_people(2, audience, opens_allowed=opens, clicks_allowed=clicks)
        )
        for name, opens, clicks in (
            ("none", False, False),
            ("opens", True, False),
            ("clicks", False, True),
            ("both", True, True),
        )
    }
    run = make_run(audience, track_opens=True, track_clicks=True)
    drain_all(run, fake)
    found = {
        call["ConfigurationSetName"]: Counter(
            entry["Destination"]["ToAddresses"][0] for entry in call["BulkEmailEntries"]
        )
        for call in fake.calls
    }
    assert found == expected
    assert Delivery.objects.filter(run_id=run.pk, opens_tracked=True, clicks_tracked=True).count() == 2
    assert Delivery.objects.filter(run_id=run.pk, opens_tracked=True).count() == 4


def test_a_campaign_that_does_not_track_uses_the_set_that_tracks_nothing(
    site: Installation, fake: FakeSes
) -> None:
    audience = make_list()
    make_people(2, audience, opens_allowed=True, clicks_allowed=True)
    run = make_run(audience)
    drain_all(run, fake)
    assert [call["ConfigurationSetName"] for call in fake.calls] == ["mailplatform-none"]


def test_a_person_whom_ses_cannot_reach_fails_alone(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    _, odd = make_people(2, audience)
    Subscriber.objects.filter(pk=odd.pk).update(email="jürgen@example.com")
    run = make_run(audience)
    drain_all(run, fake)
    assert _reasons(run) == {("accepted", ""): 1, ("failed", "bad_address"): 1}


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


def test_many_lost_answers_in_a_row_pause_the_run(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(1500, audience)
    run = make_run(audience)
    fake.script = [fake.drop()] * 30
    drain_all(run, fake)
    assert (run.state, run.paused_by) == ("paused", "account")
    assert "without an answer" in run.pause_reason
    assert states_of(run) == {"unresolved": 500}


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


def test_refusing_everybody_pauses_the_run(site: Installation, fake: FakeSes) -> None:
    audience = make_list()
    make_people(100, audience)
    run = make_run(audience)
    fake.script = [fake.fail(_refused("BadRequestException", "illegal sender"))] * 200
    drain_all(run, fake)
    assert (run.state, run.paused_by) == ("paused", "account")
    assert states_of(run)["failed"] <= lane.Health.REFUSED_STREAK


def test_a_pause_stops_the_next_cut(site: Installation, fake: FakeSes) -> None:
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


def test_cancelling_gives_the_rest_a_row(site: Installation, fake: FakeSes) -> None:
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


def test_the_end_of_a_slice_leaves_the_rest_to_the_next(site: Installation, fake: FakeSes) -> None:
    installation.update(actor=None, max_send_rate=100.0)
    audience = make_list()
    people = make_people(70, audience)
    run = make_run(audience)
    assert drain.drain(run.pk, sender=fake, seconds=0.3) is True
    batch = Batch.objects.get()
    assert (batch.state, batch.lease_token, batch.cursor) == ("waiting", None, 50)
    assert not Drain.objects.exists()
    drain.drain(run.pk, sender=fake, seconds=10)
    assert fake.accepted == addresses(people)


def test_the_campaigns_own_cap_is_kept(
    site: Installation, fake: FakeSes, redis_client: "redis.Redis[bytes]"
) -> None:
    audience = make_list()
    make_people(9, audience)
    run = make_run(audience, rate_limit=3)
    drain.drain(run.pk, sender=fake, seconds=1.5)
    assert fake.calls
    assert all(len(call["BulkEmailEntries"]) <= 3 for call in fake.calls)
    assert redis_client.exists(limiter.run_key(run.pk))


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
        ("failed", "transient_failure"): 1,
    }
    assert Call.objects.get().state == "lost"
    assert Delivery.objects.filter(state="accepted", message_id="m").count() == 2


def test_people_who_waited_too_long_are_checked_again(
    site: Installation, fake: FakeSes, monkeypatch: pytest.MonkeyPatch
) -> None:
    audience = make_list()
    people = make_people(60, audience)
    run = make_run(audience)
    monkeypatch.setattr("campaigns.sending.timing.CHECK_TO_SOCKET_S", -1.0)
    assert drain.drain(run.pk, sender=fake, seconds=0.4, sleep=nap) is True
    assert fake.calls == []
    monkeypatch.undo()
    drain_all(run, fake)
    assert fake.accepted == addresses(people)


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


def test_nobody_is_cut_twice(site: Installation, fake: FakeSes) -> None:
    """The belt: a person who has a row already is left out, even if a batch names them again."""
    audience = make_list()
    people = make_people(3, audience)
    run = make_run(audience)
    Delivery.objects.create(run_id=run.pk, subscriber_id=people[0].pk, state="accepted", at=clock.now())
    drain_all(run, fake)
    assert fake.accepted == addresses(people[1:])


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


def test_four_lanes_mail_everybody_once(site: Installation, fake: FakeSes) -> None:
    installation.update(actor=None, max_send_rate=100_000.0)
    audience = make_list()
    people = make_people(2600, audience)
    run = make_run(audience)
    drain_all(run, fake)
    assert run.state == "sent"
    assert fake.accepted == addresses(people)
    assert states_of(run) == {"accepted": 2600}
