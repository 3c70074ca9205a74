"""Two records become one person: every "no" wins, nobody's "yes" is taken for another's."""

import datetime as dt
from typing import Any

import pytest

from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from subscribers.models import (
    ConsentPersonal,
    ConsentRecord,
    MailingList,
    MarketingBasis,
    PersonMerge,
    Profile,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.selectors import eligibility, merging, profiles, timeline
from subscribers.services import consent, erasure, people_merging, register, suppression, unsubscribe
from subscribers.services import subscribers as service
from tests.factories.accounts import AdminFactory
from tests.factories.subscribers import mailing_list, person
from tests.subscribers.services.conftest import LedgerFiles

pytestmark = pytest.mark.django_db


def merge(keep: Subscriber, other: Subscriber, **options: Any) -> Subscriber:
    return people_merging.merge(keep_id=keep.pk, other_id=other.pk, actor=options.get("actor"))


def basis(who: Subscriber) -> str:
    return str(Profile.objects.get(pk=who.pk).marketing_basis)


def withdraw(who: Subscriber, purpose: str = "marketing_email") -> None:
    consent.record(
        subscriber_id=who.pk, purpose=purpose, act="withdrawn", lawful_basis="none", method="page",
        source="test", occurred_at=clock.now(), actor="person",
    )  # fmt: skip


def state(who: Subscriber, on: MailingList) -> str:
    return Subscription.objects.get(subscriber=who, mailing_list=on).state


def test_data_lists_and_tags_are_united() -> None:
    one, two, both = mailing_list(), mailing_list(), mailing_list()
    keep = person(name="Ann", tags=["vip"], list_ids=[one.pk, both.pk])
    other = person(name="Anna", language="de", tags=["shop", "vip"], list_ids=[two.pk, both.pk])
    merge(keep, other)
    keep.refresh_from_db()
    assert (keep.name, keep.language) == ("Ann", "de")
    assert sorted(tag.name for tag in keep.tags.all()) == ["shop", "vip"]
    assert {state(keep, each) for each in (one, two, both)} == {"confirmed"}
    profile = Profile.objects.get(pk=keep.pk)
    assert (sorted(profile.list_ids), len(profile.tag_ids)) == (sorted([one.pk, two.pk, both.pk]), 2)
    assert not Subscriber.objects.filter(pk=other.pk).exists()
    assert not Profile.objects.filter(pk=other.pk).exists()


def test_consent_is_not_inherited_and_records_stay_with_their_subject() -> None:
    keep, other = person(agreed=False), person(opens=True)
    records = list(ConsentRecord.objects.filter(subject=other.public_id).values_list("id", flat=True))
    merge(keep, other)
    assert basis(keep) == MarketingBasis.NONE
    assert not Profile.objects.get(pk=keep.pk).opens_allowed
    kept = list(ConsentRecord.objects.filter(subject=other.public_id).order_by("id").values_list("id", "act"))
    assert [number for number, _ in kept[:-1]] == records
    assert kept[-1][1] == "merged"
    assert (
        ConsentRecord.objects.filter(subject=keep.public_id)
        .latest("id")
        .source.endswith(str(other.public_id))
    )


def test_a_withdrawal_of_the_other_is_one_of_who_stays() -> None:
    keep, other = person(opens=True), person(opens=True)
    withdraw(other)
    withdraw(other, "open_tracking")
    outcome = people_merging.preview(keep_id=keep.pk, other_id=other.pk)
    assert outcome.refusal_words == ["Marketing e-mail", "Open tracking"]
    merge(keep, other)
    assert basis(keep) == MarketingBasis.WITHDRAWN
    assert not Profile.objects.get(pk=keep.pk).opens_allowed


def test_leaving_a_list_wins_and_who_gets_no_mail_joins_none() -> None:
    left, joined = mailing_list(), mailing_list()
    keep, other = person(list_ids=[left.pk]), person(list_ids=[left.pk, joined.pk])
    unsubscribe.leave(
        subscriber_id=other.pk, list_ids=[left.pk], withdraw_marketing=False, source="t", method="page"
    )
    merge(keep, other)
    assert (state(keep, left), state(keep, joined)) == ("unsubscribed", "confirmed")
    silent, third = person(), person(list_ids=[joined.pk])
    unsubscribe.leave_all(subscriber_id=silent.pk, source="t", method="page")
    merge(silent, third)
    assert not Subscription.objects.filter(subscriber=silent, mailing_list=joined).exists()


@pytest.mark.parametrize(
    ("reason", "carried"),
    [("complaint", True), ("unsubscribe", True), ("manual", True), ("bounce", False)],
)
def test_what_the_person_said_is_carried_over_a_bounce_stays_with_its_address(
    reason: str, *, carried: bool
) -> None:
    keep, other = person(list_ids=[mailing_list().pk]), person(list_ids=[mailing_list().pk])
    suppression.suppress(email_key=bytes(other.email_key), reason=reason, source="t")
    merge(keep, other)
    live = set(Suppression.objects.filter(email_key=bytes(keep.email_key)).values_list("reason", flat=True))
    assert live == ({reason} if carried else set())
    assert bool(profiles.of(keep).reason) is carried


def test_the_others_address_gets_no_mail_and_comes_back_by_the_persons_own_act_only() -> None:
    keep, other = person(), person("old@example.com")
    merge(keep, other)
    with pytest.raises(service.SubscriberError, match="no mail any more"):
        person("old@example.com")
    key = bytes(other.email_key)
    row = Suppression.objects.get(email_key=key, lifted_at=None)
    assert row.reason == "merged"
    with pytest.raises(suppression.OnlyThePerson):
        suppression.lift(suppression_id=row.pk, actor=None, because="please")
    facts = eligibility.Facts(suppressions=frozenset({"merged"}), contract_basis=True)
    assert eligibility.reason_for("contract", facts) == "merged"


def test_what_arrives_for_the_old_number_or_address_counts_for_who_stays() -> None:
    keep, other = person(list_ids=[mailing_list().pk]), person()
    merge(keep, other)
    suppression.suppress(email_key=bytes(other.email_key), reason="complaint", source="feedback loop")
    assert profiles.of(keep).reason == "complained"
    second, third = person(), person()
    merge(second, third)
    assert unsubscribe.leave_all(subscriber_id=third.pk, source="mail", method="one_click")
    assert profiles.of(second).reason == "unsubscribed"


def test_the_longer_pause_wins() -> None:
    keep, other = person(), person()
    until = clock.now() + dt.timedelta(days=30)
    Profile.objects.filter(pk=other.pk).update(paused_until=until)
    merge(keep, other)
    assert Profile.objects.get(pk=keep.pk).paused_until == until


def test_with_oneself_with_the_erased_or_twice_is_refused() -> None:
    keep, other, erased = person(), person(), person()
    with pytest.raises(people_merging.SamePerson):
        merge(keep, keep)
    erasure.erase(subscriber_id=erased.pk, actor=None, source="t")
    with pytest.raises(people_merging.PersonGone, match="erased"):
        merge(keep, erased)
    merge(keep, other)
    for one, two in ((keep, other), (other, keep)):
        with pytest.raises(people_merging.PersonGone, match="already"):
            merge(one, two)
    assert PersonMerge.objects.count() == 1


def test_a_chain_leads_to_who_is_there_today() -> None:
    first, second, third = person(), person(), person()
    merge(second, first)
    merge(third, second)
    assert merging.survivors([first.pk, second.pk, third.pk]) == {first.pk: third.pk, second.pk: third.pk}
    assert merging.survivor_of(first.public_id) == third
    assert [entry.title for entry in timeline.of(third)].count("Merged") == 4
    with pytest.raises(people_merging.PersonGone):
        merge(first, third)


def test_erasing_who_stays_erases_all_of_them_and_the_ledger_still_verifies(
    ledger_files: LedgerFiles,
) -> None:
    keep, other = person(), person("once@example.com")
    merge(keep, other)
    erasure.erase(subscriber_id=keep.pk, actor=None, source="asked")
    assert not ConsentPersonal.objects.exists()
    keys = {bytes(keep.email_key), bytes(other.email_key)}
    erased = Suppression.objects.filter(reason="erased").values_list("email_key", flat=True)
    assert {bytes(key) for key in erased} == keys
    report = register.verify_register(actor=None)
    assert {problem.kind for problem in report.problems} <= {"checkpoint"}, report.lines()


def test_it_is_in_the_audit_log() -> None:
    user, keep, other = AdminFactory.create(), person(), person()
    other_id = other.pk
    merge(keep, other, actor=user)
    entry = AuditEntry.objects.get(action="subscriber.merged")
    assert (entry.actor, entry.detail["merged"]) == (user, other_id)
    assert PersonMerge.objects.get().merged_by == user.pk
