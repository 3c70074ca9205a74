"""Taking an import back leaves everybody as if it had never been, but for what happened since."""

import datetime as dt
from typing import Any

import pytest
from django.core.files.base import ContentFile

from mailplatform.core import clock
from subscribers.importing.columns import from_json
from subscribers.ledger.report import Kind
from subscribers.merging import merge, run, undo
from subscribers.models import (
    Act,
    ConsentPersonal,
    ConsentRecord,
    ImportJob,
    ImportState,
    ImportTrace,
    Order,
    Profile,
    Subscriber,
    Subscription,
    Tag,
)
from subscribers.selectors import imports as selector
from subscribers.selectors import mailed, register
from subscribers.services import consent, erasure, importing, lists, subscribers, unsubscribe
from subscribers.services.importing import Statement
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db
AGREED = Statement(
    basis="consent", source="form", wording="Yes.", occurred_at=dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
)
BEFORE = "email,name,city,tags\nann@example.com,Ann,Berlin,old\nbob@example.com,,Ulm,\n"
FILE = (
    "email,name,city,shoe,tags\nann@example.com,Anna,Paris,38,old;new\nbob@example.com,Bob,,,new\n"
    "cleo@example.com,Cleo,Rome,40,new\ndan@example.com,Dan,,,\n"
)


def bring_in(text: str, statement: Statement = AGREED, **options: Any) -> ImportJob:
    job = importing.create_job(file=ContentFile(text.encode(), name="people.csv"))
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=statement, **options)
    job = importing.commit(job=importing.check(job=job))
    assert job.state == ImportState.DONE, job.error
    return job


def long_ago(job: ImportJob) -> None:
    """As if the import were of last week: nobody of it can be confused with one of today."""
    past = clock.now() - dt.timedelta(days=7)
    Subscriber.objects.filter(source=f"import {job.pk}").update(created_at=past, updated_at=past)


def state() -> list[Any]:
    """What an undo must restore, without the times."""
    people = Subscriber.objects.order_by("email").values_list("email", "name", "language", "fields")
    profiles = Profile.objects.order_by("pk").values_list(
        "marketing_basis", "opens_allowed", "list_ids", "tag_ids"
    )
    links = Subscription.objects.order_by("pk").values_list("subscriber_id", "mailing_list_id", "state")
    tags = Subscriber.tags.through.objects.order_by("subscriber_id", "tag_id").values_list(
        "subscriber_id", "tag_id"
    )
    return [list(people), list(profiles), list(links), list(tags)]


def grant_by_themselves(email: str) -> None:
    consent.record(
        subscriber_id=Subscriber.objects.get(email=email).pk,
        purpose="marketing_email", act="granted", lawful_basis="consent", method="double_opt_in",
        source="form", occurred_at=clock.now(), actor="person", evidence={"token": "x"},
    )  # fmt: skip


@pytest.mark.parametrize("policy", ["overwrite", "fill", "skip"])
def test_an_undo_restores_what_was(policy: str) -> None:
    long_ago(bring_in(BEFORE, Statement()))
    before = state()
    job = bring_in(FILE, mailing_list=lists.ensure(name="News"), existing=policy)
    assert state() != before
    user = UserFactory.create()
    job = importing.undo(job=job, actor=user)
    assert (job.state, job.made) == (ImportState.UNDONE, [])
    assert state() == before
    assert job.undo == {"chunks": 1, "removed": 2, "restored": 2, "annulled": 4}
    assert not ImportTrace.objects.exists()
    assert {problem.kind for problem in register.verify().problems} <= {Kind.CHECKPOINT}


def test_consent_records_stay_and_say_that_they_were_annulled() -> None:
    long_ago(bring_in(BEFORE, Statement()))
    job = importing.undo(job=bring_in(FILE))
    ann = Subscriber.objects.get(email="ann@example.com")
    granted, annulled = ConsentRecord.objects.filter(subject=ann.public_id).order_by("pk")
    assert (granted.act, annulled.act, annulled.confirms) == (Act.GRANTED, Act.ANNULLED, granted.pk)
    assert (annulled.actor, annulled.method, annulled.source) == ("system", "system", "import undone")
    assert ConsentPersonal.objects.get(pk=annulled.pk).evidence == {"import": str(job.public_id)}
    assert Profile.objects.get(pk=ann.pk).marketing_basis == "none"


def test_an_undo_is_no_word_of_the_person_and_they_can_be_imported_again() -> None:
    long_ago(bring_in(BEFORE, Statement()))
    importing.undo(job=bring_in(FILE))
    job = bring_in(FILE, mailing_list=lists.ensure(name="News"))
    assert (job.rows_new, job.rows_changed, job.rows_refused) == (2, 2, 0)
    assert set(Profile.objects.values_list("marketing_basis", flat=True)) == {"consent"}
    assert Subscription.objects.filter(state="confirmed").count() == 4


def test_who_was_removed_leaves_no_address_behind() -> None:
    importing.undo(job=bring_in(FILE))
    assert not Subscriber.objects.exists()
    assert not ConsentPersonal.objects.exists()
    assert ConsentRecord.objects.filter(act=Act.ERASED).count() == 4
    assert {problem.kind for problem in register.verify().problems} <= {Kind.CHECKPOINT}


def test_who_acted_since_is_kept_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    news = lists.ensure(name="News")
    rows = "".join(
        f"{name}@example.com\n"
        for name in ("own", "left", "click", "sent", "run", "edit", "list", "order", "idle")
    )
    job = bring_in(f"email\n{rows}", mailing_list=news)
    people = {person.email.split("@")[0]: person for person in Subscriber.objects.all()}
    grant_by_themselves("own@example.com")
    unsubscribe.leave_all(subscriber_id=people["left"].pk, source="page", method="page")
    Profile.objects.filter(pk=people["click"].pk).update(last_clicked_at=clock.now())
    Profile.objects.filter(pk=people["sent"].pk).update(last_sent_at=clock.now())
    monkeypatch.setattr(mailed, "_sources", [lambda ids, _: {people["run"].pk} & set(ids)])
    Subscriber.objects.filter(pk=people["edit"].pk).update(name="Edith", updated_at=clock.now())
    Subscription.objects.create(
        subscriber=people["list"],
        mailing_list=lists.ensure(name="Other"),
        state="confirmed",
        source="added by hand",
    )
    Order.objects.create(
        source="shop", number="1", subscriber=people["order"], ordered_at=clock.now(), currency="EUR", total=5
    )
    job = importing.undo(job=job)
    kept = {str(found.person).split("@")[0]: found.reason for found in selector.kept(job)}
    assert set(Subscriber.objects.values_list("email", flat=True)) == {f"{name}@example.com" for name in kept}
    assert kept.pop("own") == kept.pop("left") == "has acted since: confirmed, changed or left something"
    assert kept == {
        "click": "has opened or clicked since",
        "sent": "was mailed since",
        "run": "was mailed since",
        "edit": "was edited since",
        "list": "joined or left a list since",
        "order": "has orders",
    }
    assert job.undo["removed"] == 1
    bases = {
        person.email: Profile.objects.get(pk=person.pk).marketing_basis for person in Subscriber.objects.all()
    }
    assert bases.pop("own@example.com") == "consent"
    assert bases.pop("left@example.com") == "withdrawn"
    assert set(bases.values()) == {"none"}
    assert not Subscription.objects.filter(mailing_list=news, state="confirmed").exists()


def test_values_that_somebody_changed_since_stay() -> None:
    long_ago(bring_in(BEFORE, Statement()))
    job = bring_in(FILE)
    ann = Subscriber.objects.get(email="ann@example.com")
    ann.fields["city"] = "Lyon"
    ann.save(update_fields=["fields", "updated_at"])
    job = importing.undo(job=job)
    ann.refresh_from_db()
    assert (ann.name, ann.fields) == ("Ann", {"city": "Lyon"})
    assert [(str(found.person), found.reason) for found in selector.kept(job)] == [
        ("ann@example.com", "was changed since; those values stay")
    ]


def test_what_they_confirmed_themselves_stays_theirs() -> None:
    long_ago(bring_in(BEFORE, Statement()))
    news = lists.ensure(name="News")
    ann = Subscriber.objects.get(email="ann@example.com")
    Subscription.objects.create(subscriber=ann, mailing_list=news, state="pending", source="form")
    job = bring_in(FILE, mailing_list=news)
    importing.undo(job=job)
    assert Subscription.objects.get().state == "pending"


def test_people_of_two_imports_stay_until_both_are_taken_back() -> None:
    first, second = bring_in(FILE), bring_in(FILE)
    first = importing.undo(job=first)
    assert {found.reason for found in selector.kept(first)} == {"is in another import, too"}
    assert Subscriber.objects.count() == 4
    importing.undo(job=second)
    assert set(Profile.objects.values_list("marketing_basis", flat=True)) == {"none"}


def test_an_undo_that_was_killed_ends_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "CHUNK", 1)
    assert merge.CHUNK > 1
    long_ago(bring_in(BEFORE, Statement()))
    before = state()
    job = bring_in(FILE, mailing_list=lists.ensure(name="News"))
    original, calls = undo._undo_chunk, list[int]()

    def dies_in_the_third(job: ImportJob, place: int) -> None:
        calls.append(place)
        original(job, place)
        if len(calls) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(undo, "_undo_chunk", dies_in_the_third)
        with pytest.raises(KeyboardInterrupt):
            importing.undo(job=job)
    job.refresh_from_db()
    assert (job.state, job.undo["chunks"]) == (ImportState.UNDOING, 2)
    assert selector.unfinished() == [job]
    run.undo_job(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, state()) == (ImportState.UNDONE, before)
    assert job.undo == {"chunks": 4, "removed": 2, "restored": 2, "annulled": 4}


def test_a_day_later_it_is_too_late_and_nothing_is_remembered() -> None:
    long_ago(bring_in(BEFORE, Statement()))
    job = bring_in(FILE)
    assert selector.undo_until(job) is not None
    assert ImportTrace.objects.count() == 2
    ImportJob.objects.filter(pk=job.pk).update(finished_at=clock.now() - dt.timedelta(hours=25))
    with pytest.raises(importing.ImportStateError):
        importing.undo(job=job)
    importing.forget_old()
    job.refresh_from_db()
    assert (job.made, ImportTrace.objects.count()) == ([], 0)


def test_an_erased_person_leaves_the_former_values() -> None:
    long_ago(bring_in(BEFORE, Statement()))
    job = bring_in(FILE)
    ann = Subscriber.objects.get(email="ann@example.com")
    erasure.erase(subscriber_id=ann.pk, actor=None, source="page")
    assert not ImportTrace.objects.filter(subscriber_id=ann.pk).exists()
    importing.undo(job=job)
    assert list(Subscriber.objects.values_list("email", flat=True)) == ["bob@example.com"]
    assert bring_in(FILE).rows_refused == 1


def test_nobody_who_left_comes_back_by_an_undo() -> None:
    job = bring_in(FILE, mailing_list=lists.ensure(name="News"))
    cleo = Subscriber.objects.get(email="cleo@example.com")
    unsubscribe.leave_all(subscriber_id=cleo.pk, source="page", method="page")
    importing.undo(job=job)
    again = bring_in(FILE, mailing_list=lists.ensure(name="News"))
    assert again.rows_refused == 1
    assert Profile.objects.get(pk=cleo.pk).marketing_basis == "withdrawn"
    assert not Tag.objects.filter(subscribers=cleo).exists()


def test_the_edit_of_a_person_counts_as_a_change() -> None:
    job = bring_in("email\nann@example.com\n")
    ann = Subscriber.objects.get()
    subscribers.edit(subscriber=ann, name="Ann", language="", values={}, tags=[], list_ids=[])
    importing.undo(job=job)
    assert Subscriber.objects.get().name == "Ann"
