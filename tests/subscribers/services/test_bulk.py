"""Acts over many people: nobody gets on a list without a basis, and a killed worker's work goes on."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kombu.exceptions import OperationalError

from mailplatform.accounts.models import AuditEntry, User
from subscribers import bulk as work
from subscribers import tasks
from subscribers.models import BulkAction, BulkJob, Profile, Subscriber, Subscription, Suppression, Tag
from subscribers.selectors.subscribers import Filters, ids
from subscribers.services import bulk, suppression, unsubscribe
from subscribers.services.bulk import BulkError, Selection
from subscribers.services.people_export import export
from tests.factories.accounts import UserFactory
from tests.factories.subscribers import mailing_list, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor() -> User:
    return UserFactory.create()


def everybody(**options: Any) -> BulkJob:
    return bulk.start(selection=Selection(query=""), **options)


def test_tag_and_untag_keep_the_profiles(actor: User) -> None:
    ann, bob = person("ann@example.com"), person("bob@example.com", tags=["vip"])
    job = everybody(action="tag", target={"name": " vip "}, actor=actor)
    tag = Tag.objects.get()
    assert (job.state, job.found, job.changed) == ("done", 2, 1)
    assert list(Profile.objects.values_list("tag_ids", flat=True)) == [[tag.pk], [tag.pk]]
    job = bulk.start(
        action="untag", selection=Selection(ids=(ann.pk,)), target={"tag_id": tag.pk}, actor=actor
    )
    assert job.changed == 1
    assert Profile.objects.get(pk=ann.pk).tag_ids == []
    assert Profile.objects.get(pk=bob.pk).tag_ids == [tag.pk]
    actions = list(
        AuditEntry.objects.filter(action__startswith="people.bulk").values_list("action", flat=True)
    )
    assert sorted(actions) == [
        "people.bulk_tag",
        "people.bulk_tag_done",
        "people.bulk_untag",
        "people.bulk_untag_done",
    ]


def test_nobody_is_put_on_a_list_without_a_basis(actor: User) -> None:
    news = mailing_list("News")
    good, _no_basis, gone, left = (
        person("good@example.com"),
        person("nobasis@example.com", agreed=False),
        person("gone@example.com"),
        person("left@example.com", list_ids=[news.pk]),
    )
    unsubscribe.leave_all(subscriber_id=gone.pk, source="letter", method="manual", actor=actor)
    Subscription.objects.filter(subscriber=left).update(
        state="unsubscribed", unsubscribed_at="2026-01-01T00:00Z"
    )
    job = everybody(action="list_add", target={"list_id": news.pk}, actor=actor)
    assert list(Subscription.objects.filter(state="confirmed").values_list("subscriber_id", flat=True)) == [
        good.pk
    ]
    assert Profile.objects.get(pk=good.pk).list_ids == [news.pk]
    assert job.changed == 1
    assert job.left_out == {"No consent or other legal basis": 1, "Unsubscribed": 1, work.LEFT: 1}


def test_taken_off_a_list_is_not_the_same_as_having_left(actor: User) -> None:
    news = mailing_list("News")
    ann, left = person(list_ids=[news.pk]), person(list_ids=[news.pk])
    Subscription.objects.filter(subscriber=left).update(
        state="unsubscribed", unsubscribed_at="2026-01-01T00:00Z"
    )
    job = everybody(action="list_remove", target={"list_id": news.pk}, actor=actor)
    assert job.changed == 1
    assert list(Subscription.objects.values_list("subscriber_id", "state")) == [(left.pk, "unsubscribed")]
    assert Profile.objects.get(pk=ann.pk).list_ids == []
    assert everybody(action="list_add", target={"list_id": news.pk}, actor=actor).changed == 1


def test_blocking_keeps_the_reason_of_each(actor: User) -> None:
    person(), person()
    job = everybody(action="block", target={"reason": "spam traps"}, actor=actor)
    assert job.changed == 2
    assert set(Suppression.objects.values_list("reason", "detail")) == {("manual", "spam traps")}


@pytest.mark.parametrize(
    ("action", "target"),
    [
        ("tag", {"name": " \0 "}),
        ("untag", {"tag_id": 99}),
        ("list_add", {"list_id": 99}),
        ("block", {}),
        ("burn", {}),
    ],
)
def test_what_cannot_be_done_is_refused(actor: User, action: str, target: dict[str, Any]) -> None:
    person()
    with pytest.raises(BulkError):
        everybody(action=action, target=target, actor=actor)
    with pytest.raises(BulkError, match="Nobody"):
        bulk.start(action="tag", selection=Selection(query="q=zzz"), target={"name": "x"}, actor=actor)
    assert not BulkJob.objects.exists()


def test_more_people_than_were_confirmed_are_not_touched(actor: User) -> None:
    person(), person()
    with pytest.raises(BulkError, match="2 people now, not 1"):
        everybody(action="tag", target={"name": "x"}, actor=actor, count=1)
    assert not Tag.objects.exists()


def queue_is_away(**_: Any) -> None:
    raise OperationalError


def test_many_are_done_by_a_worker_in_chunks_and_a_killed_one_goes_on(
    actor: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    monkeypatch.setattr(bulk, "AT_ONCE", 2)
    monkeypatch.setattr(work, "CHUNK", 2)
    for _ in range(5):
        person()
    monkeypatch.setattr(tasks.run_bulk, "delay", queue_is_away)  # beat queues it later
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        job = everybody(action="tag", target={"name": "x"}, actor=actor)
    assert (job.state, len(callbacks)) == ("running", 1)
    assert work._step(job.pk)  # then the worker is killed
    assert Profile.objects.exclude(tag_ids=[]).count() == 2
    work.run(job_id=job.pk)
    work.run(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.changed, job.selection) == ("done", 5, {})
    assert Profile.objects.exclude(tag_ids=[]).count() == 5


def test_untagging_a_filter_by_that_tag_reaches_everybody(
    actor: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work, "CHUNK", 2)
    for _ in range(5):
        person(tags=["x"])
    tag = Tag.objects.get()
    bulk.start(
        action="untag", selection=Selection(query=f"tag={tag.pk}"), target={"tag_id": tag.pk}, actor=actor
    )
    assert Profile.objects.filter(tag_ids=[]).count() == 5


ACTS = st.sampled_from(["tag", "list_add", "list_remove", "block"])


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=1, max_size=5))
def test_no_sequence_of_acts_brings_somebody_back(db: None, acts: list[str]) -> None:
    """Who left, complained or was blocked is on no list as confirmed, whatever is done to everybody."""
    news = mailing_list()
    gone = person(list_ids=[news.pk])
    unsubscribe.leave_all(subscriber_id=gone.pk, source="letter", method="manual")
    complained = person()
    suppression.suppress(email_key=bytes(complained.email_key), reason="complaint", source="test")
    targets = {"tag": {"name": "x"}, "block": {"reason": "y"}}
    for action in acts:
        everybody(action=action, target=targets.get(action, {"list_id": news.pk}), actor=None)
    barred = (gone.pk, complained.pk)
    assert not Subscription.objects.filter(subscriber__in=barred, state="confirmed").exists()
    assert not set(ids(Filters(state="mailable"), below=None, limit=1000)) & set(barred)


def test_the_export_is_streamed_safe_and_audited(actor: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subscribers.services.people_export.CHUNK", 2)
    news = mailing_list("News")
    for number in range(5):
        person(f"p{number}@example.com", name="=cmd()", list_ids=[news.pk], tags=["x"])
    pieces = list(export(selection=Selection(query=""), actor=actor))
    assert len(pieces) == 4
    text = b"".join(pieces).decode("utf-8-sig")
    assert text.count("'=cmd()") == 5
    assert text.splitlines()[1].startswith("p4@example.com,'=cmd(),")
    assert ",yes,News,x,no,no," in text
    entry = AuditEntry.objects.get(action="people.exported")
    assert entry.detail == {"people": 5, "over": "a filter"}


def test_every_act_has_its_work() -> None:
    assert set(work._ACTS) == set(BulkAction)
    assert Subscriber.objects.count() == 0
