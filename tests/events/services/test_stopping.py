"""The safety stop pauses a run with the reason, tells its owner, and does not stop twice for the same evidence."""

from typing import Any

import pytest

from campaigns.models import Run
from campaigns.services import runs
from events import ingest, safety
from events.models import SafetyStop
from events.services import stopping
from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from tests.factories.accounts import AdminFactory, UserFactory
from tests.factories.events import inbound, make_person, make_run, payload

pytestmark = pytest.mark.django_db
LIMITS = safety.Limits(accepted=10, bounces=3, complaints=2, rendering_failures=3)


def take(*data: dict[str, Any]) -> None:
    ingest.take_in([inbound(item) for item in data])


def make_mailed(run: Run, number: int, domain: str = "gmail.com") -> list[Any]:
    people = [make_person(f"{run.pk}-{clock.now():%f}-{n}@{domain}") for n in range(number)]
    take(*[payload("Delivery", run, person) for person in people])
    return people


def test_ux_20_bounces_at_one_provider_pause_the_run_with_the_reason() -> None:
    run = make_run()
    make_mailed(run, 60, "firma.example")
    take(*[payload("Bounce", run, person) for person in make_mailed(run, 12)[:3]])
    assert stopping.check_safety(limits=LIMITS) == [run.pk]
    run.refresh_from_db()
    assert (run.state, run.paused_by) == ("paused", "safety_stop")
    assert "3 of 12 mails bounced at Gmail" in run.pause_reason
    stop = SafetyStop.objects.get()
    assert (stop.cause, stop.provider, stop.hits, stop.accepted) == ("bounces", "Gmail", 3, 12)
    assert AuditEntry.objects.filter(action=stopping.STOPPED).count() == 1


def test_same_evidence_does_not_stop_a_run_that_a_person_resumed_and_new_evidence_does() -> None:
    run = make_run()
    take(*[payload("Bounce", run, person) for person in make_mailed(run, 12)])
    assert stopping.check_safety(limits=LIMITS) == [run.pk]
    runs.resume_run(run_id=run.pk)
    assert stopping.check_safety(limits=LIMITS) == []
    assert stopping.check_safety(limits=LIMITS) == []
    assert SafetyStop.objects.get().resumed_at is not None
    more = make_mailed(run, 20)
    assert stopping.check_safety(limits=LIMITS) == []
    take(*[payload("Bounce", run, person) for person in more[:4]])
    assert stopping.check_safety(limits=LIMITS) == [run.pk]
    run.refresh_from_db()
    assert "4 of 20 mails" in run.pause_reason


def test_new_bounces_below_the_volume_floor_do_not_stop_again() -> None:
    run = make_run()
    take(*[payload("Bounce", run, person) for person in make_mailed(run, 12)])
    stopping.check_safety(limits=LIMITS)
    runs.resume_run(run_id=run.pk)
    stopping.check_safety(limits=LIMITS)
    take(*[payload("Bounce", run, person) for person in make_mailed(run, 9)])
    assert stopping.check_safety(limits=LIMITS) == []


def test_complaints_pause_and_quiet_runs_go_on() -> None:
    loud, quiet = make_run(), make_run()
    take(*[payload("Complaint", loud, person) for person in make_mailed(loud, 12)[:2]])
    make_mailed(quiet, 12)
    assert stopping.check_safety(limits=LIMITS) == [loud.pk]


def test_mails_that_cannot_be_rendered_pause_the_run() -> None:
    run = make_run()
    people = make_mailed(run, 5) + [make_person() for _ in range(3)]
    error: dict[str, Any] = {"errorMessage": "Attribute 'voucher' is not present in the rendering data."}
    take(*[payload("Rendering Failure", run, person, **error) for person in people[5:]])
    assert stopping.check_safety(limits=LIMITS) == [run.pk]
    run.refresh_from_db()
    assert "3 of 8 mails could not be rendered" in run.pause_reason


def test_bounces_off_our_own_list_do_not_count() -> None:
    run = make_run()
    people = make_mailed(run, 12)
    take(*[payload("Bounce", run, person, bounceSubType="OnAccountSuppressionList") for person in people])
    assert stopping.check_safety(limits=LIMITS) == []


def test_finished_runs_are_left_alone() -> None:
    run = make_run(state="sent")
    take(*[payload("Bounce", run, person) for person in make_mailed(run, 12)])
    assert stopping.check_safety(limits=LIMITS) == []


def test_quiet_runs_cost_three_queries_each(django_assert_max_num_queries: Any) -> None:
    make_mailed(make_run(), 12)
    make_mailed(make_run(), 12)
    with django_assert_max_num_queries(5):
        assert stopping.check_safety(limits=LIMITS) == []


def test_ux_20_owner_gets_the_reason_by_mail_once(mailoutbox: list[Any]) -> None:
    run = make_run()
    run.campaign.owner = UserFactory.create(email="owner@shop.example")
    run.campaign.save()
    take(*[payload("Bounce", run, person) for person in make_mailed(run, 12)])
    stopping.check_safety(limits=LIMITS)
    assert stopping.tell_owners() == 1
    assert stopping.tell_owners() == 0
    (mail,) = mailoutbox
    assert mail.to == ["owner@shop.example"]
    assert "12 of 12 mails bounced" in mail.body
    assert str(run.campaign.public_id) in mail.body


def test_administrators_are_told_where_the_owner_has_left(mailoutbox: list[Any]) -> None:
    run, boss = make_run(), AdminFactory.create()
    run.campaign.owner = UserFactory.create(is_active=False)
    run.campaign.save()
    take(*[payload("Bounce", run, person) for person in make_mailed(run, 12)])
    stopping.check_safety(limits=LIMITS)
    stopping.tell_owners()
    assert [mail.to for mail in mailoutbox] == [[boss.email]]


def test_mail_that_cannot_leave_now_is_tried_again(mailoutbox: list[Any], settings: Any) -> None:
    AdminFactory.create()
    run = make_run()
    take(*[payload("Bounce", run, person) for person in make_mailed(run, 12)])
    stopping.check_safety(limits=LIMITS)
    backend, settings.EMAIL_BACKEND = settings.EMAIL_BACKEND, "campaigns.mail_backend.SesBackend"
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    settings.AWS_ACCESS_KEY_ID = settings.AWS_SECRET_ACCESS_KEY = "nobody"
    assert stopping.tell_owners() == 0
    settings.EMAIL_BACKEND = backend
    assert stopping.tell_owners() == 1
    assert len(mailoutbox) == 1
