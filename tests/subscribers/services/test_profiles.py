from datetime import UTC, datetime

import pytest
from django.db import connection

from subscribers.models import Profile, Subscriber
from subscribers.services import profiles
from subscribers.services.fields import ensure_field
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db
EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def touch(*rows: profiles.Engagement) -> None:
    with connection.cursor() as cursor:
        profiles.touch_engagement(cursor, rows)


def test_engagement_adds_up_and_never_goes_back() -> None:
    ann, bob = person(), person()
    touch((ann.pk, EARLY, LATE, None, 2, 0), (bob.pk, None, None, None, 0, 0))
    touch((ann.pk, LATE, EARLY, EARLY, 1, 1))
    profile = Profile.objects.get(pk=ann.pk)
    assert (profile.last_sent_at, profile.last_opened_at, profile.last_clicked_at) == (LATE, LATE, EARLY)
    assert (profile.opens, profile.clicks) == (3, 1)
    assert Profile.objects.get(pk=bob.pk).last_sent_at is None


def test_engagement_makes_no_profile_for_someone_who_is_gone() -> None:
    touch((4711, EARLY, None, None, 1, 0))
    assert not Profile.objects.exists()
    touch()


def test_a_refresh_mends_what_drifted_and_keeps_consent_and_engagement() -> None:
    ensure_field(key="city", label="City", field_type="text")
    ensure_field(key="born", label="Born", field_type="date")
    ann = person(values={"city": "Berlin", "born": "2000-01-31"}, tags=["vip"])
    touch((ann.pk, EARLY, None, None, 1, 0))
    Profile.objects.update(text_1="wrong", date_1=None, tag_ids=[], list_ids=[1])
    assert profiles.refresh_all(step=1) == 1
    profile = Profile.objects.get()
    assert (profile.text_1, str(profile.date_1), len(profile.tag_ids)) == ("Berlin", "2000-01-31", 1)
    assert (profile.list_ids, profile.marketing_basis, profile.opens) == ([], "consent", 1)


def test_a_refresh_makes_missing_profiles() -> None:
    ann = person(agreed=False)
    Profile.objects.all().delete()
    profiles.refresh(subscriber_ids=[ann.pk])
    profiles.refresh(subscriber_ids=[])
    assert Profile.objects.get().joined_at == Subscriber.objects.get().created_at


def test_a_field_that_comes_back_finds_its_values() -> None:
    ann = person()
    Subscriber.objects.filter(pk=ann.pk).update(fields={"score": 7})
    ensure_field(key="score", label="Score", field_type="number")
    assert Profile.objects.get().number_1 == 7
