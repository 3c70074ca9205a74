from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mailplatform.core.keys import email_key
from subscribers.merging.statement import Statement, StatementError
from subscribers.models import ConsentRecord, Profile, Subscriber, Subscription, Suppression
from subscribers.services import subscribers as service
from subscribers.services.fields import ensure_field
from tests.factories.subscribers import AGREED, mailing_list, person

pytestmark = pytest.mark.django_db


def test_a_person_with_evidence_may_be_mailed() -> None:
    news = mailing_list()
    ann = person(" Ann@Example.com ", name="Ann  Lee", list_ids=[news.pk], tags=["vip"], opens=True)
    profile = Profile.objects.get(pk=ann.pk)
    assert (ann.email, ann.name) == ("ann@example.com", "Ann Lee")
    assert (profile.marketing_basis, profile.opens_allowed, profile.clicks_allowed) == (
        "consent",
        True,
        False,
    )
    assert profile.list_ids == [news.pk]
    assert len(profile.tag_ids) == 1
    acts = set(ConsentRecord.objects.values_list("purpose", "act", "method"))
    assert acts == {("marketing_email", "granted", "manual"), ("open_tracking", "granted", "manual")}


def test_without_evidence_a_person_is_stored_and_has_no_basis() -> None:
    ann = person(agreed=False)
    assert Profile.objects.get(pk=ann.pk).marketing_basis == "none"
    assert not ConsentRecord.objects.exists()


def test_a_basis_without_evidence_is_refused_and_nobody_added() -> None:
    with pytest.raises(StatementError):
        service.add(email="ann@example.com", permission=service.Permission(Statement(basis="consent")))
    assert not Subscriber.objects.exists()


def test_who_is_known_is_not_added_twice() -> None:
    ann = person("ann@example.com")
    with pytest.raises(service.AlreadyKnownError) as error:
        person("ANN@example.com")
    assert error.value.subscriber == ann


@pytest.mark.parametrize("reason", ["unsubscribe", "complaint", "bounce", "erased", "manual"])
def test_who_is_suppressed_cannot_be_added(reason: str) -> None:
    Suppression.objects.create(email_key=email_key("ann@example.com"), reason=reason)
    with pytest.raises(service.SubscriberError, match="no mail any more"):
        person("Ann@example.com")


def test_a_broken_address_says_why() -> None:
    with pytest.raises(service.SubscriberError, match="@-sign") as error:
        person("ann.example.com")
    assert error.value.field == "email"


def test_values_are_typed() -> None:
    ensure_field(key="age", label="Age", field_type="number")
    ensure_field(key="likes", label="Likes", field_type="list")
    ann = person(values={"age": "41", "likes": "books; home", "unknown": "x"})
    assert ann.fields == {"age": 41, "likes": ["books", "home"]}
    assert Profile.objects.get(pk=ann.pk).number_1 == 41
    with pytest.raises(service.SubscriberError, match="Age: “old” is not a number") as error:
        person(values={"age": "old"})
    assert error.value.field == "field_age"


def test_editing_changes_the_profile_too() -> None:
    ensure_field(key="city", label="City", field_type="text")
    ann, news = person(values={"city": "Berlin"}, tags=["old"]), mailing_list()
    service.edit(
        subscriber=ann, name="New", language="de", values={"city": "Paris"}, tags=["new"], list_ids=[news.pk]
    )
    profile = Profile.objects.get(pk=ann.pk)
    assert (profile.text_1, profile.list_ids) == ("Paris", [news.pk])
    assert list(ann.tags.values_list("name", flat=True)) == ["new"]


def test_editing_puts_nobody_back_on_a_list() -> None:
    news = mailing_list()
    ann = person(list_ids=[news.pk])
    Subscription.objects.update(state="unsubscribed")
    with pytest.raises(service.SubscriberError, match="left that list"):
        service.edit(subscriber=ann, name="", language="", values={}, tags=[], list_ids=[news.pk])
    assert Subscription.objects.get().state == "unsubscribed"


def test_evidence_can_be_recorded_later() -> None:
    ann = person(agreed=False)
    service.record_permission(subscriber=ann, permission=service.Permission(AGREED))
    assert Profile.objects.get(pk=ann.pk).marketing_basis == "consent"
    with pytest.raises(StatementError):
        service.record_permission(subscriber=ann, permission=service.NO_PERMISSION)


def test_an_existing_customer_needs_the_order() -> None:
    moment = datetime(2025, 1, 1, tzinfo=UTC)
    shop = Statement(
        basis="soft_opt_in", source="shop", reference="A-17", occurred_at=moment, wording="Untick to refuse.",
        similar=True, opt_out=True,
    )  # fmt: skip
    with pytest.raises(StatementError, match="similar products"):
        service.add(email="ann@example.com", permission=service.Permission(replace(shop, similar=False)))
    ann = service.add(email="ann@example.com", permission=service.Permission(shop))
    assert Profile.objects.get(pk=ann.pk).marketing_basis == "soft_opt_in"
