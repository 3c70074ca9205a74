"""Who is suppressed stays suppressed: by key, by reason, and against every way around."""

import datetime as dt
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.models import MailingList, Profile, Subscriber, Subscription, Suppression
from subscribers.services import consent, suppression

pytestmark = pytest.mark.django_db
ADA, BOB = email_key("ada@example.test"), email_key("bob@example.test")


def make(email: str = "ada@example.test") -> Subscriber:
    return Subscriber.objects.create(email=email, email_key=email_key(email))


def grant(person: Subscriber, method: str = "import", actor: str = "import:1", form: str = "") -> int:
    return consent.record(
        subscriber_id=person.id, purpose="marketing_email", act="granted", lawful_basis="consent", method=method,
        source="x", occurred_at=clock.now(), actor=actor, evidence={"box": "ticked"}, form=form,
    ).id  # fmt: skip


def basis_of(person: Subscriber) -> str:
    return Profile.objects.get(subscriber_id=person.id).marketing_basis


def test_suppressing_twice_is_once() -> None:
    assert suppression.suppress(email_key=ADA, reason="bounce", source="ses_event", detail="550 no such user")
    assert not suppression.suppress(email_key=ADA, reason="bounce", source="ses_event")
    assert suppression.suppress(email_key=ADA, reason="complaint", source="ses_event")
    assert Suppression.objects.count() == 2


def test_many_at_once_in_any_order_with_repeats() -> None:
    early, late = clock.now() - dt.timedelta(hours=1), clock.now()
    rows = [
        (BOB, "bounce", "s", "d", late),
        (ADA, "bounce", "s", "later", late),
        (ADA, "bounce", "s", "first", early),
    ]
    with connection.cursor() as cursor:
        assert suppression.suppress_keys(cursor, rows) == 2
        assert suppression.suppress_keys(cursor, rows) == 0
        assert suppression.suppress_keys(cursor, []) == 0
    assert Suppression.objects.get(email_key=ADA).detail == "first"


def test_an_unknown_reason_is_refused() -> None:
    with pytest.raises(suppression.SuppressionError, match="'mood' is no reason to suppress"):
        suppression.suppress(email_key=ADA, reason="mood", source="x")


def test_people_are_suppressed_by_number_and_the_erased_passed_over() -> None:
    person = make()
    with connection.cursor() as cursor:
        rows = [(person.id, "complaint", "ses", clock.now()), (999_999, "bounce", "ses", clock.now())]
        assert suppression.suppress_subscribers(cursor, rows) == 1
    assert suppression.suppressed_keys([ADA, BOB]) == {ADA: "complaint"}


@pytest.mark.parametrize(
    ("reasons", "told"),
    [
        (["bounce"], "bounce"),
        (["bounce", "complaint"], "complaint"),
        (["unsubscribe", "complaint"], "complaint"),
        (["unsubscribe", "manual"], "unsubscribe"),
        (["erased", "complaint"], "erased"),
    ],
)
def test_the_weightiest_reason_is_told(reasons: list[str], told: str) -> None:
    for reason in reasons:
        suppression.suppress(email_key=ADA, reason=reason, source="x")
    assert suppression.suppressed_keys([ADA]) == {ADA: told}


@pytest.mark.parametrize("reason", ["bounce", "manual"])
def test_a_user_lifts_what_a_user_may(reason: str) -> None:
    person = make()
    suppression.suppress(email_key=ADA, reason=reason, source="x")
    grant(person)
    assert basis_of(person) == "none"
    lifted = suppression.lift(
        suppression_id=Suppression.objects.get().id, actor=None, because="mailbox works again"
    )
    assert (lifted.lifted_at is not None, lifted.lifted_because) == (True, "mailbox works again")
    assert suppression.suppressed_keys([ADA]) == {}
    assert basis_of(person) == "consent"
    assert suppression.suppress(email_key=ADA, reason=reason, source="again")


@pytest.mark.parametrize("reason", ["complaint", "unsubscribe", "erased"])
def test_a_user_may_not_lift_what_the_person_decided(reason: str) -> None:
    suppression.suppress(email_key=ADA, reason=reason, source="x")
    with pytest.raises(suppression.OnlyThePerson):
        suppression.lift(suppression_id=Suppression.objects.get().id, actor=None, because="boss says so")
    assert suppression.suppressed_keys([ADA]) == {ADA: reason}


def test_lifting_nothing_or_without_a_reason_is_refused() -> None:
    suppression.suppress(email_key=ADA, reason="manual", source="x")
    number = Suppression.objects.get().id
    with pytest.raises(suppression.NotSuppressed):
        suppression.lift(suppression_id=number + 1, actor=None, because="x")
    with pytest.raises(suppression.SuppressionError, match="say why"):
        suppression.lift(suppression_id=number, actor=None, because=" ")


def test_the_own_act_lifts_all_but_a_block_by_hand() -> None:
    for reason in ("bounce", "complaint", "unsubscribe", "erased", "manual"):
        suppression.suppress(email_key=ADA, reason=reason, source="x")
    with connection.cursor() as cursor:
        assert suppression.lift_by_own_act(cursor, email_key=ADA, because="confirmed by mail") == 4
    assert suppression.suppressed_keys([ADA]) == {ADA: "manual"}


@pytest.mark.parametrize("reason", ["bounce", "complaint", "unsubscribe", "manual", "erased"])
def test_a_grant_by_others_gives_a_suppressed_person_no_basis(reason: str) -> None:
    person = make()
    suppression.suppress(email_key=ADA, reason=reason, source="x")
    grant(person)
    assert basis_of(person) == "none"
    grant(person, method="page", actor="person")
    assert basis_of(person) == "consent"


# The guard below the application: what slips through is refused by the database itself.


def confirm(person: Subscriber, confirmation: int | None, state: str = "confirmed") -> Subscription:
    return Subscription.objects.create(
        subscriber=person,
        mailing_list=MailingList.objects.create(name="News"),
        state=state,
        confirmation_id=confirmation,
    )


def refused() -> Any:
    return pytest.raises(IntegrityError, match="only their own")


def test_confirming_a_suppressed_person_is_refused_by_the_database() -> None:
    person = make()
    suppression.suppress(email_key=ADA, reason="unsubscribe", source="x")
    with refused(), transaction.atomic():
        confirm(person, None)
    foreign = grant(person)
    with refused(), transaction.atomic():
        confirm(person, foreign)
    confirm(person, grant(person, method="double_opt_in", actor="person"))


def test_a_confirmation_from_before_the_suppression_does_not_count() -> None:
    person = make()
    old = grant(person, method="page", actor="person")
    suppression.suppress(email_key=ADA, reason="complaint", source="x")
    with refused(), transaction.atomic():
        confirm(person, old)


def test_somebody_elses_confirmation_does_not_count() -> None:
    person, other = make(), make("bob@example.test")
    suppression.suppress(email_key=ADA, reason="complaint", source="x")
    with refused(), transaction.atomic():
        confirm(person, grant(other, method="page", actor="person"))


def test_updating_to_confirmed_is_guarded_too() -> None:
    person = make()
    found = confirm(person, None, "pending")
    suppression.suppress(email_key=ADA, reason="complaint", source="x")
    with refused(), transaction.atomic():
        Subscription.objects.filter(id=found.id).update(state="confirmed")
    own = grant(person, method="page", actor="person")
    assert Subscription.objects.filter(id=found.id).update(state="confirmed", confirmation_id=own) == 1


def test_somebody_who_left_this_list_is_not_put_back() -> None:
    person = make()
    found = confirm(person, None)
    Subscription.objects.filter(id=found.id).update(state="unsubscribed", unsubscribed_at=clock.now())
    with refused(), transaction.atomic():
        Subscription.objects.filter(id=found.id).update(state="confirmed")
    own = grant(person, method="page", actor="person")
    assert Subscription.objects.filter(id=found.id).update(state="confirmed", confirmation_id=own) == 1


def test_touching_a_confirmed_subscription_of_a_bounced_person_is_allowed() -> None:
    found = confirm(make(), None)
    suppression.suppress(email_key=ADA, reason="bounce", source="x")
    assert Subscription.objects.filter(id=found.id).update(source="import:2") == 1


@pytest.mark.parametrize("basis", ["consent", "soft_opt_in"])
def test_writing_a_basis_past_the_ledger_is_refused_by_the_database(basis: str) -> None:
    person = make()
    grant(person)
    consent.record(
        subscriber_id=person.id, purpose="marketing_email", act="withdrawn", lawful_basis="none", method="page",
        source="x", occurred_at=clock.now(), actor="person",
    )  # fmt: skip
    with refused(), transaction.atomic():
        Profile.objects.filter(subscriber_id=person.id).update(marketing_basis=basis)


def test_a_profile_made_with_a_basis_for_a_suppressed_person_is_refused() -> None:
    person = make()
    suppression.suppress(email_key=ADA, reason="bounce", source="x")
    with refused(), transaction.atomic():
        Profile.objects.create(subscriber_id=person.id, joined_at=clock.now(), marketing_basis="consent")
    Profile.objects.create(subscriber_id=person.id, joined_at=clock.now())
    with refused(), transaction.atomic():
        Profile.objects.filter(subscriber_id=person.id).update(marketing_basis="soft_opt_in")
