"""Several soft bounces in a row make an address unreachable; a mail that arrives takes it back."""

from datetime import timedelta
from typing import Any

import pytest

from events import ingest
from events.services import bouncing, policies
from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from subscribers.models import Subscriber, Suppression
from subscribers.selectors import eligibility
from subscribers.services import suppression
from tests.factories.accounts import AdminFactory
from tests.factories.events import inbound, make_person, make_run, payload

pytestmark = pytest.mark.django_db
FULL: dict[str, Any] = {"bounceType": "Transient", "bounceSubType": "MailboxFull"}


def take(*data: dict[str, Any]) -> None:
    ingest.take_in([inbound(item) for item in data])


def bounce(person: Subscriber, times: int, *, days_ago: float = 1, **more: Any) -> None:
    for n in range(times):
        at = clock.now() - timedelta(days=days_ago, minutes=-n)
        take(payload("Bounce", make_run(), person, at=at, **{**FULL, **more}))


def live(person: Subscriber) -> list[str]:
    found = Suppression.objects.filter(email_key=person.email_key, lifted_at=None)
    return list(found.values_list("reason", flat=True))


def test_the_fourth_soft_bounce_in_a_row_suppresses() -> None:
    person = make_person()
    bounce(person, 3)
    assert bouncing.apply_policy() == (0, 0)
    assert bouncing.soft_bounces_of(person)[0] == 3
    bounce(person, 1, days_ago=0.5)
    assert bouncing.apply_policy() == (1, 0)
    assert live(person) == ["unreachable"]
    assert bouncing.apply_policy() == (0, 0)


def test_only_marketing_mail_is_kept_back() -> None:
    facts = eligibility.Facts(
        suppressions=frozenset({"unreachable"}), marketing_basis="consent", contract_basis=True
    )
    assert eligibility.reason_for("marketing", facts) == "unreachable"
    assert eligibility.reason_for("contract", facts) == ""


def test_mail_in_between_that_arrived_begins_the_count_anew() -> None:
    person = make_person()
    bounce(person, 3, days_ago=3)
    take(payload("Delivery", make_run(), person, at=clock.now() - timedelta(days=2)))
    bounce(person, 3, days_ago=1)
    assert bouncing.apply_policy() == (0, 0)
    assert bouncing.soft_bounces_of(person)[0] == 3


def test_bounces_before_the_window_of_the_policy_do_not_count() -> None:
    person = make_person()
    bounce(person, 3, days_ago=40)
    bounce(person, 2, days_ago=1)
    assert bouncing.apply_policy() == (0, 0)


def test_what_the_provider_said_of_the_mail_itself_does_not_count() -> None:
    person = make_person()
    bounce(person, 6, bounceSubType="ContentRejected")
    assert bouncing.apply_policy() == (0, 0)


def test_one_mail_counts_once_however_often_its_bounce_is_told() -> None:
    person, run = make_person(), make_run()
    for n in range(6):
        take(
            payload("Bounce", run, person, at=clock.now() - timedelta(minutes=n), feedbackId=f"f{n}", **FULL)
        )
    assert bouncing.apply_policy() == (0, 0)


def test_later_delivery_lifts_it_and_the_count_begins_anew() -> None:
    person = make_person()
    bounce(person, 4)
    bouncing.apply_policy()
    take(payload("Delivery", make_run(kind="contract"), person))
    assert bouncing.apply_policy() == (0, 1)
    assert live(person) == []
    assert AuditEntry.objects.filter(action="suppression.answered_again").count() == 1
    assert bouncing.apply_policy() == (0, 0)


def test_delivery_from_before_the_bounces_that_comes_late_lifts_nothing() -> None:
    person = make_person()
    bounce(person, 4)
    bouncing.apply_policy()
    take(payload("Delivery", make_run(), person, at=clock.now() - timedelta(days=9)))
    assert bouncing.apply_policy() == (0, 0)
    assert live(person) == ["unreachable"]


def test_user_may_lift_it_and_the_old_bounces_do_not_bring_it_back() -> None:
    person = make_person()
    bounce(person, 4)
    bouncing.apply_policy()
    row = Suppression.objects.get(reason="unreachable")
    suppression.lift(suppression_id=row.pk, actor=AdminFactory.create(), because="They wrote to us.")
    assert bouncing.apply_policy() == (0, 0)
    assert live(person) == []


def test_policy_can_be_changed_and_switched_off() -> None:
    person = make_person()
    bounce(person, 5)
    policies.update(actor=None, soft_bounces_count=False)
    assert bouncing.apply_policy() == (0, 0)
    policies.update(actor=None, soft_bounces_count=True, soft_bounces=2)
    bounce(person, 1, days_ago=0.2)
    assert bouncing.apply_policy() == (1, 0)
    assert AuditEntry.objects.filter(action="policy.changed").count() == 2
