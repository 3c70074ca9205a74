"""Leaving takes one call, works twice, and only the person comes back."""

from typing import Any

import pytest

from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.models import (
    ConsentBlock,
    ConsentRecord,
    MailingList,
    Profile,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.selectors import eligibility
from subscribers.services import consent, erasure, unsubscribe

pytestmark = pytest.mark.django_db


@pytest.fixture
def person() -> Subscriber:
    return make("ada@example.test")


@pytest.fixture
def lists() -> list[MailingList]:
    return [MailingList.objects.create(name=name) for name in ("News", "Offers", "Events")]


def make(email: str) -> Subscriber:
    made = Subscriber.objects.create(email=email, email_key=email_key(email))
    consent.record(
        subscriber_id=made.id, purpose="marketing_email", act="granted", lawful_basis="consent", method="import",
        source="file", occurred_at=clock.now(), actor="import:1", evidence={"box": "ticked"},
    )  # fmt: skip
    return made


def join(person: Subscriber, *lists: MailingList) -> None:
    for mailing_list in lists:
        Subscription.objects.create(subscriber=person, mailing_list=mailing_list, state="confirmed")
    Profile.objects.filter(subscriber_id=person.id).update(
        list_ids=[mailing_list.id for mailing_list in lists]
    )


def leave(person: Subscriber, *lists: MailingList, withdraw: bool = False) -> bool:
    return unsubscribe.leave(
        subscriber_id=person.id, list_ids=[found.id for found in lists], withdraw_marketing=withdraw,
        source="run:7", method="one_click", ip="192.0.2.9",
    )  # fmt: skip


def states(person: Subscriber) -> dict[str, str]:
    return dict(Subscription.objects.filter(subscriber=person).values_list("mailing_list__name", "state"))


def profile(person: Subscriber) -> Profile:
    return Profile.objects.get(subscriber_id=person.id)


def facts(person: Subscriber) -> eligibility.Facts:
    found = profile(person)
    live = Suppression.objects.filter(email_key=person.email_key, lifted_at=None)
    return eligibility.Facts(
        suppressions=frozenset(live.values_list("reason", flat=True)), marketing_basis=found.marketing_basis
    )


def test_one_click_leaves_every_list_of_the_run(person: Subscriber, lists: list[MailingList]) -> None:
    join(person, *lists)
    assert leave(person, lists[0], lists[1])
    assert states(person) == {"News": "unsubscribed", "Offers": "unsubscribed", "Events": "confirmed"}
    assert profile(person).marketing_basis == "consent"
    assert profile(person).list_ids == [lists[2].id]
    written = ConsentRecord.objects.filter(act="withdrawn")
    assert {record.form for record in written} == {f"list:{found.public_id}" for found in lists[:2]}
    assert {record.source for record in written} == {"run:7"}
    assert ConsentBlock.objects.count() == 2


def test_leaving_twice_is_leaving_once(person: Subscriber, lists: list[MailingList]) -> None:
    join(person, *lists)
    assert leave(person, lists[0], withdraw=True)
    assert not leave(person, lists[0], withdraw=True)
    assert ConsentRecord.objects.filter(act="withdrawn").count() == 2


def test_the_audience_of_a_segment_withdraws_consent(person: Subscriber) -> None:
    assert leave(person, withdraw=True)
    assert profile(person).marketing_basis == "withdrawn"
    assert eligibility.reason_for("marketing", facts(person)) == "withdrawn"


def test_leaving_the_last_list_withdraws_consent(person: Subscriber, lists: list[MailingList]) -> None:
    join(person, lists[0])
    assert leave(person, lists[0])
    assert profile(person).marketing_basis == "withdrawn"


def test_a_pending_subscription_is_left_too(person: Subscriber, lists: list[MailingList]) -> None:
    Subscription.objects.create(subscriber=person, mailing_list=lists[0], state="pending")
    assert leave(person, lists[0])
    assert states(person) == {"News": "unsubscribed"}


def test_somebody_without_a_basis_can_still_say_no(lists: list[MailingList]) -> None:
    stranger = Subscriber.objects.create(email="x@example.test", email_key=email_key("x@example.test"))
    assert leave(stranger, withdraw=True)
    assert profile(stranger).marketing_basis == "withdrawn"


def test_a_person_who_was_erased_changes_nothing(person: Subscriber) -> None:
    number = person.id
    erasure.erase(subscriber_id=number, actor=None, source="page")
    kept = ConsentRecord.objects.count()
    assert not unsubscribe.leave(
        subscriber_id=number, list_ids=[], withdraw_marketing=True, source="run:7", method="one_click"
    )
    assert not unsubscribe.leave_all(subscriber_id=number, source="run:7", method="page")
    assert not unsubscribe.undo(subscriber_id=number, list_ids=[], restore_marketing=True, source="run:7")
    assert ConsentRecord.objects.count() == kept


def test_all_mail_is_all_mail(person: Subscriber, lists: list[MailingList]) -> None:
    join(person, *lists)
    assert unsubscribe.leave_all(subscriber_id=person.id, source="run:7", method="page")
    assert set(states(person).values()) == {"unsubscribed"}
    assert profile(person).list_ids == []
    assert eligibility.reason_for("marketing", facts(person)) == "unsubscribed"
    assert eligibility.reason_for("contract", facts(person)) == "no_basis"
    assert not unsubscribe.leave_all(subscriber_id=person.id, source="run:7", method="page")


def undo(person: Subscriber, *lists: MailingList, restore: bool = True, **changes: Any) -> bool:
    return unsubscribe.undo(
        subscriber_id=person.id, list_ids=[found.id for found in lists], restore_marketing=restore,
        source="run:7", **changes,
    )  # fmt: skip


def test_undo_brings_back_what_was_left(person: Subscriber, lists: list[MailingList]) -> None:
    join(person, *lists)
    leave(person, lists[0], lists[1], withdraw=True)
    assert undo(person, lists[0], lists[1])
    assert set(states(person).values()) == {"confirmed"}
    assert profile(person).marketing_basis == "consent"
    assert profile(person).list_ids == [found.id for found in lists]
    back = Subscription.objects.get(subscriber=person, mailing_list=lists[0])
    assert back.confirmation_id is not None
    record = ConsentRecord.objects.get(id=back.confirmation_id)
    assert (record.act, record.actor, record.method) == ("granted", "person", "page")
    assert not undo(person, lists[0], lists[1])


def test_undo_of_the_last_list_gives_consent_back(person: Subscriber, lists: list[MailingList]) -> None:
    join(person, lists[0])
    leave(person, lists[0])
    assert undo(person, lists[0], restore=False)
    assert eligibility.reason_for("marketing", facts(person)) == ""


def test_undo_of_all_mail_lifts_the_suppression(person: Subscriber, lists: list[MailingList]) -> None:
    join(person, lists[0])
    unsubscribe.leave_all(subscriber_id=person.id, source="run:7", method="page")
    assert undo(person, lists[0])
    assert eligibility.reason_for("marketing", facts(person)) == ""
    assert states(person) == {"News": "confirmed"}


def test_undo_puts_nobody_on_a_list_they_never_left(person: Subscriber, lists: list[MailingList]) -> None:
    assert not undo(person, lists[0])
    assert states(person) == {}


@pytest.mark.parametrize("method", ["api", "import", "manual", "form", "system"])
def test_undo_is_the_persons_own_act(person: Subscriber, method: str) -> None:
    leave(person, withdraw=True)
    with pytest.raises(consent.ConsentError, match="is not the person's own act"):
        undo(person, method=method)
    assert profile(person).marketing_basis == "withdrawn"
