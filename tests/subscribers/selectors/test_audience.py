import pytest

from subscribers.models import Profile, Segment, Subscriber, Subscription
from subscribers.selectors.audience import (
    AudienceCount,
    AudienceSpec,
    SegmentBrokenError,
    audience_sql,
    count,
)
from subscribers.services import segments, suppression
from subscribers.services.fields import ensure_field
from tests.factories.subscribers import mailing_list, person

pytestmark = pytest.mark.django_db


def ids(spec: AudienceSpec) -> list[int]:
    from django.db import connection

    sql, params = audience_sql(spec)
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return sorted(row[0] for row in cursor.fetchall())


def city(name: str) -> Segment:
    ensure_field(key="city", label="City", field_type="text")
    rule = {"subject": "field.city", "operator": "equals", "value": name}
    return segments.create(name=f"In {name}", rules={"match": "all", "rules": [rule]})


def leave(subscriber: Subscriber, list_id: int) -> None:
    Subscription.objects.filter(subscriber=subscriber, mailing_list_id=list_id).update(state="unsubscribed")


def test_nobody_is_chosen_by_an_empty_choice() -> None:
    person()
    assert count(AudienceSpec(), "marketing") == AudienceCount(0, 0, {})


def test_people_of_several_lists_and_segments_count_once() -> None:
    news, offers, berlin = mailing_list(), mailing_list(), city("Berlin")
    both = person(list_ids=[news.pk, offers.pk], values={"city": "Berlin"})
    only = person(values={"city": "Berlin"})
    person()
    spec = AudienceSpec(list_ids=(news.pk, offers.pk), segment_ids=(berlin.pk,))
    assert ids(spec) == [both.pk, only.pk]
    assert count(spec, "marketing") == AudienceCount(2, 2, {})


def test_every_exclusion_has_its_reason() -> None:
    news = mailing_list()
    people = [person(list_ids=[news.pk]) for _ in range(4)]
    person(list_ids=[news.pk], agreed=False)
    suppression.suppress(email_key=bytes(people[0].email_key), reason="bounce", source="test")
    suppression.suppress(email_key=bytes(people[1].email_key), reason="complaint", source="test")
    leave(people[2], news.pk)
    found = count(AudienceSpec(list_ids=(news.pk,)), "marketing")
    assert found == AudienceCount(5, 1, {"bounced": 1, "complained": 1, "left_list": 1, "no_basis": 1})


def test_who_left_one_list_but_is_on_another_stays() -> None:
    news, offers = mailing_list(), mailing_list()
    ann = person(list_ids=[news.pk, offers.pk])
    leave(ann, news.pk)
    assert count(AudienceSpec(list_ids=(news.pk, offers.pk)), "marketing") == AudienceCount(1, 1, {})
    assert count(AudienceSpec(list_ids=(news.pk,)), "marketing") == AudienceCount(1, 0, {"left_list": 1})


def test_a_segment_does_not_bring_back_who_left_the_list_as_the_sender_has_it() -> None:
    news, berlin = mailing_list(), city("Berlin")
    ann = person(list_ids=[news.pk], values={"city": "Berlin"})
    person(values={"city": "Berlin"})
    leave(ann, news.pk)
    spec = AudienceSpec(list_ids=(news.pk,), segment_ids=(berlin.pk,))
    assert count(spec, "marketing") == AudienceCount(2, 1, {"left_list": 1})


def test_who_waits_for_confirmation_is_not_in_the_audience() -> None:
    news = mailing_list()
    person(list_ids=[news.pk])
    Subscription.objects.update(state="pending")
    assert ids(AudienceSpec(list_ids=(news.pk,))) == []


def test_excluded_lists_and_segments_take_people_out() -> None:
    news, staff, paris = mailing_list(), mailing_list(), city("Paris")
    kept = person(list_ids=[news.pk])
    person(list_ids=[news.pk, staff.pk])
    person(list_ids=[news.pk], values={"city": "Paris"})
    spec = AudienceSpec(list_ids=(news.pk,), excluded_list_ids=(staff.pk,), excluded_segment_ids=(paris.pk,))
    assert ids(spec) == [kept.pk]


def test_a_segment_that_lost_its_field_says_so() -> None:
    berlin = city("Berlin")
    berlin.rules["rules"][0]["subject"] = "field.gone"
    berlin.save()
    with pytest.raises(SegmentBrokenError, match=r"In Berlin.*field\.gone"):
        audience_sql(AudienceSpec(segment_ids=(berlin.pk,)))
    with pytest.raises(SegmentBrokenError, match="does not exist"):
        audience_sql(AudienceSpec(segment_ids=(999,)))


def test_a_person_without_a_profile_is_counted_without_basis() -> None:
    news = mailing_list()
    person(list_ids=[news.pk])
    Profile.objects.all().delete()
    assert count(AudienceSpec(list_ids=(news.pk,)), "marketing").excluded == {"no_basis": 1}
