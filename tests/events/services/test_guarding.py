"""The safety stop pauses a run once; events settle what a lost answer left open."""

from datetime import timedelta
from typing import Any

import pytest

from campaigns.models import Call, Delivery, Run
from campaigns.services import runs
from events import ingest, safety
from events.services import guarding
from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload

pytestmark = pytest.mark.django_db
LIMITS = safety.Limits(accepted=10, bounces=3, complaints=2)


def take(*data: dict[str, Any]) -> None:
    ingest.take_in([inbound(item) for item in data])


def make_mailed(run: Run, number: int, domain: str = "gmail.com") -> list[Any]:
    people = [make_person(f"{run.pk}-{n}@{domain}") for n in range(number)]
    take(*[payload("Delivery", run, person) for person in people])
    return people


def test_bounces_at_one_provider_pause_the_run_with_the_reason() -> None:
    run = make_run()
    make_mailed(run, 60, "firma.example")
    take(*[payload("Bounce", run, person) for person in make_mailed(run, 12)[:3]])
    assert guarding.check_safety(limits=LIMITS) == [run.pk]
    run.refresh_from_db()
    assert (run.state, run.paused_by) == ("paused", "safety_stop")
    assert "3 of 12 mails bounced at Gmail" in run.pause_reason
    assert AuditEntry.objects.filter(action=guarding.STOPPED).count() == 1


def test_person_who_resumes_is_not_overruled(django_capture_on_commit_callbacks: Any) -> None:
    run = make_run()
    take(*[payload("Bounce", run, person) for person in make_mailed(run, 12)])
    assert guarding.check_safety(limits=LIMITS) == [run.pk]
    runs.resume_run(run_id=run.pk)
    assert guarding.check_safety(limits=LIMITS) == []


def test_complaints_pause_and_quiet_runs_go_on() -> None:
    loud, quiet = make_run(), make_run()
    take(*[payload("Complaint", loud, person) for person in make_mailed(loud, 12)[:2]])
    make_mailed(quiet, 12)
    assert guarding.check_safety(limits=LIMITS) == [loud.pk]


def test_bounces_off_our_own_list_do_not_count() -> None:
    run = make_run()
    people = make_mailed(run, 12)
    take(*[payload("Bounce", run, person, bounceSubType="OnAccountSuppressionList") for person in people])
    assert guarding.check_safety(limits=LIMITS) == []


def test_finished_runs_are_left_alone() -> None:
    run = make_run(state="sent")
    take(*[payload("Bounce", run, person) for person in make_mailed(run, 12)])
    assert guarding.check_safety(limits=LIMITS) == []


@pytest.mark.parametrize("kind", ["Send", "Delivery", "Bounce", "Reject", "Rendering Failure"])
@pytest.mark.parametrize("is_early", [False, True])
def test_any_event_with_our_tags_settles_an_unresolved_delivery(kind: str, is_early: bool) -> None:
    run, person, other = make_run(), make_person(), make_person()
    if is_early:
        take(payload(kind, run, person))
    for somebody in (person, other):
        make_delivery(run, somebody, state="unresolved", message_id="-")
    Call.objects.create(
        run_id=run.pk,
        state="lost",
        subscriber_ids=[person.pk, other.pk],
        configuration_set="none",
        lease_until=clock.now() - timedelta(hours=1),
    )
    if not is_early:
        take(payload(kind, run, person))
    assert guarding.settle_unresolved() == 1
    states = dict(Delivery.objects.filter(run_id=run.pk).values_list("subscriber_id", "state"))
    assert states == {person.pk: "accepted", other.pk: "unresolved"}
    assert guarding.settle_unresolved() == 0
