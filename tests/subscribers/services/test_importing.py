from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from kombu.exceptions import OperationalError

from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers import tasks
from subscribers.importing.columns import Column, MappingError, from_json
from subscribers.merging import run
from subscribers.merging.statement import Statement, StatementError
from subscribers.models import (
    ConsentPersonal,
    ConsentRecord,
    CustomField,
    ImportJob,
    ImportState,
    Profile,
    RefusedRow,
    Segment,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.services import consent, importing, lists

FIXTURES = Path(__file__).parents[2] / "fixtures" / "import"
AGREED = Statement(
    basis="consent",
    source="form on the website",
    wording="Yes, send me news.",
    occurred_at=datetime(2025, 1, 1, tzinfo=UTC),
)
pytestmark = pytest.mark.django_db


def upload(text: str | bytes, name: str = "people.csv") -> ImportJob:
    data = text.encode() if isinstance(text, str) else text
    return importing.create_job(file=ContentFile(data, name=name))


def test_a_queue_that_is_away_is_no_error_of_the_page(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    def away(**_: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(tasks.check_import, "delay", away)
    with django_capture_on_commit_callbacks(execute=True) as callbacks:
        importing.start_check(job=ImportJob(pk=1))  # beat queues it later
    assert len(callbacks) == 1


def bring_in(
    text: str | bytes, statement: Statement = AGREED, name: str = "people.csv", **options: Any
) -> ImportJob:
    job = upload(text, name)
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=statement, **options)
    job = importing.check(job=job)
    assert job.state == ImportState.READY, job.error
    return importing.commit(job=job)


def test_the_recipes_own_file() -> None:
    job = bring_in(
        (FIXTURES / "recipe.json").read_bytes(), name="subscribers.json", create_segments=["segment"]
    )
    assert (job.state, job.rows_new, job.rows_refused) == (ImportState.DONE, 3, 0)
    john = Subscriber.objects.get(email="subscriber1@example.com")
    assert (john.name, john.fields) == (
        "John Doe",
        {"segment": "new_customers", "preferences": ["electronics", "books"]},
    )
    assert list(Segment.objects.order_by("name").values_list("name", flat=True)) == [
        "Segment: loyal_customers",
        "Segment: new_customers",
    ]
    segment = CustomField.objects.get(key="segment")
    assert (segment.type, sorted(segment.choices)) == ("choice", ["loyal_customers", "new_customers"])
    profile = Profile.objects.get(pk=john.pk)
    assert getattr(profile, segment.slot) == "new_customers"
    assert profile.marketing_basis == "consent"
    assert not profile.opens_allowed


def test_a_dry_run_changes_nobody_and_says_what_would_happen() -> None:
    bring_in("email,name\nann@example.com,Ann\nbob@example.com,Bob\n")
    people, records = Subscriber.objects.count(), ConsentRecord.objects.count()
    job = upload(
        "email,name\nann@example.com,Ann Lee\nbob@example.com,Bob\nnew@example.com,New\nbroken,X\nANN@example.com,Y\n"
    )
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=AGREED)
    job = importing.check(job=job)
    found = {key: job.preview[key] for key in ("new", "changed", "same", "refused")}
    assert found == {"new": 1, "changed": 1, "same": 1, "refused": 2}
    assert (Subscriber.objects.count(), ConsentRecord.objects.count()) == (people, records)
    assert [row["kind"] for row in job.preview["sample"]] == ["changed", "same", "new"]
    job = importing.commit(job=job)
    assert (job.rows_new, job.rows_changed, job.rows_unchanged, job.rows_refused) == (1, 1, 1, 2)


def test_refused_rows_come_back_as_they_were_with_the_reason() -> None:
    job = bring_in("email,name\nAnn@Example.com,Ann\nnobody,Nobody\nann@example.com,Double\n")
    rows = list(RefusedRow.objects.filter(job=job).order_by("line").values_list("line", "row"))
    assert rows == [(3, ["nobody", "Nobody"]), (4, ["ann@example.com", "Double"])]
    reason = RefusedRow.objects.get(job=job, line=4).reason
    assert reason == "the same address stands in line 2"
    assert Subscriber.objects.get().name == "Ann"


@pytest.mark.parametrize(
    ("reason", "words"),
    [("unsubscribe", "unsubscribed from all mail"), ("complaint", "complained"), ("bounce", "bounced"),
     ("erased", "asked to be erased"), ("manual", "is blocked")],
)  # fmt: skip
def test_nobody_who_is_suppressed_comes_back_through_a_file(reason: str, words: str) -> None:
    Suppression.objects.create(email_key=email_key("gone@example.com"), reason=reason)
    job = bring_in(
        "email,name\nGone@example.com,Gone\nann@example.com,Ann\n", mailing_list=lists.ensure(name="News")
    )
    assert words in RefusedRow.objects.get(job=job).reason
    assert list(Subscriber.objects.values_list("email", flat=True)) == ["ann@example.com"]


def test_nobody_who_left_the_list_is_put_on_it_again() -> None:
    news = lists.ensure(name="News")
    bring_in("email\nann@example.com\n", mailing_list=news)
    Subscription.objects.update(state="unsubscribed")
    job = bring_in("email\nann@example.com\n", mailing_list=news)
    assert "unsubscribed from the list" in RefusedRow.objects.get(job=job).reason
    assert Subscription.objects.get().state == "unsubscribed"


def test_nobody_who_withdrew_gets_a_basis_again() -> None:
    bring_in("email\nann@example.com\n")
    Profile.objects.update(marketing_basis="withdrawn")
    job = bring_in("email\nann@example.com\n")
    assert "withdrew their consent" in RefusedRow.objects.get(job=job).reason
    assert Profile.objects.get().marketing_basis == "withdrawn"


def test_evidence_per_row_and_rows_without_any() -> None:
    text = (
        "email,consent_basis,consent_at,consent_source,open_tracking,click_tracking\n"
        "yes@example.com,consent,2024-05-01,form,yes,no\n"
        "plain@example.com,consent,2024-05-01,form,,\n"
        "none@example.com,,,,yes,yes\n"
        "order@example.com,soft_opt_in,2024-05-01,shop,,\n"
    )
    statement = Statement(basis="none", wording="Yes, send me news.")
    job = bring_in(text, statement)
    basis = {
        person.email: Profile.objects.get(pk=person.pk).marketing_basis for person in Subscriber.objects.all()
    }
    assert basis == {"yes@example.com": "consent", "plain@example.com": "consent", "none@example.com": "none"}
    assert RefusedRow.objects.get(job=job).reason == "the row needs the number of the order"
    subject = Subscriber.objects.get(email="yes@example.com")
    acts = set(ConsentRecord.objects.filter(subject=subject.public_id).values_list("purpose", "act"))
    assert acts == {
        ("marketing_email", "granted"),
        ("open_tracking", "granted"),
        ("click_tracking", "refused"),
    }
    profile = Profile.objects.get(pk=subject.pk)
    assert (profile.opens_allowed, profile.clicks_allowed) == (True, False)
    assert job.preview["without_basis"] == 1


CUSTOMERS = Statement(
    basis="soft_opt_in",
    source="shop",
    wording="Mail about similar goods; untick to refuse.",
    similar=True,
    opt_out=True,
)


@pytest.mark.parametrize(
    ("lacking", "words"),
    [
        ({"similar": False}, "similar products only"),
        ({"opt_out": False}, "opt-out that was offered"),
        ({"wording": ""}, "beside the opt-out"),
    ],
)
def test_an_existing_customer_needs_what_orders_ask_for(lacking: dict[str, Any], words: str) -> None:
    with pytest.raises(StatementError, match=words):
        bring_in("email,order,consent_at\nann@example.com,A-17,2025-02-01\n", replace(CUSTOMERS, **lacking))


def test_a_row_that_names_a_customer_needs_the_declaration() -> None:
    text = "email,consent_basis,consent_at,order\nann@example.com,soft_opt_in,2025-02-01,A-17\n"
    undeclared = replace(CUSTOMERS, basis="none", similar=False)
    assert "were not declared" in RefusedRow.objects.get(job=bring_in(text, undeclared)).reason
    bring_in(text, replace(CUSTOMERS, basis="none"))
    assert Profile.objects.get().marketing_basis == "soft_opt_in"
    assert ConsentPersonal.objects.get().evidence.keys() >= consent.SOFT_OPT_IN_DECLARED.keys()


def test_an_existing_customer_needs_the_order() -> None:
    text = "email,order,consent_at\nann@example.com,A-17,2025-02-01\n"
    bring_in(text, CUSTOMERS)
    assert Profile.objects.get().marketing_basis == "soft_opt_in"


def test_the_same_file_twice_records_nothing_new() -> None:
    text = "email,name,consent_at,opens\nann@example.com,Ann,2024-05-01,yes\n"
    news = lists.ensure(name="News")
    bring_in(text, mailing_list=news)
    records = ConsentRecord.objects.count()
    job = bring_in(text, mailing_list=news)
    assert (job.rows_new, job.rows_changed, job.rows_unchanged) == (0, 0, 1)
    assert ConsentRecord.objects.count() == records == 2


def test_data_of_people_we_know_can_be_left_alone() -> None:
    bring_in("email,name,city\nann@example.com,Ann,Berlin\n")
    job = bring_in("email,name,city\nann@example.com,Changed,Paris\n", existing="skip")
    assert job.rows_unchanged == 1
    ann = Subscriber.objects.get()
    assert (ann.name, ann.fields) == ("Ann", {"city": "Berlin"})


def test_empty_cells_take_nothing_away_and_new_fields_are_added() -> None:
    bring_in("email,name,city,tags\nann@example.com,Ann,Berlin,vip\n")
    bring_in("email,name,city,age,tags\nann@example.com,,,41,new\n")
    ann = Subscriber.objects.get()
    assert (ann.name, ann.fields) == ("Ann", {"city": "Berlin", "age": 41})
    assert sorted(ann.tags.values_list("name", flat=True)) == ["new", "vip"]
    assert len(Profile.objects.get().tag_ids) == 2


def test_people_are_put_on_the_list() -> None:
    news = lists.ensure(name="News")
    bring_in("email\nann@example.com\n", mailing_list=news)
    assert Subscription.objects.get().state == "confirmed"
    assert Profile.objects.get().list_ids == [news.pk]


def test_formula_cells_are_kept_as_text() -> None:
    bring_in('email,name\nann@example.com,"=HYPERLINK(""http://evil.example"")"\n')
    assert Subscriber.objects.get().name == '=HYPERLINK("http://evil.example")'


def test_a_file_that_breaks_off_imports_nobody() -> None:
    good = "".join(f"p{number}@example.com,P\n" for number in range(600))
    job = upload(f'email,name\n{good}bob@example.com,"Bob\nann@example.com,Ann\n')
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=AGREED)
    job = importing.check(job=job)
    assert job.state == ImportState.FAILED
    assert "line 602" in job.error
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"\x00\xff\x00", b"[{", b"a@b.co\nc@d.co\n"])
def test_a_file_that_cannot_be_read_leaves_no_import_behind(data: bytes) -> None:
    with pytest.raises(importing.FileRefusedError):
        upload(data)
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        (Statement(basis="consent", source="form", occurred_at=AGREED.occurred_at), "exact words"),
        (
            Statement(basis="consent", wording="Yes", occurred_at=AGREED.occurred_at),
            "where the people agreed",
        ),
        (Statement(basis="consent", wording="Yes", source="form"), "when the people agreed"),
        (
            Statement(basis="soft_opt_in", source="shop", occurred_at=AGREED.occurred_at),
            "number of the order",
        ),
        (Statement(basis="because"), "on what basis"),
        (
            Statement(basis="consent", wording="Y", source="f", occurred_at=datetime(2999, 1, 1, tzinfo=UTC)),
            "future",
        ),
    ],
)
def test_a_claim_without_evidence_is_refused(statement: Statement, words: str) -> None:
    job = upload("email\nann@example.com\n")
    with pytest.raises(StatementError, match=words):
        importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=statement)


def test_a_mapping_without_an_address_is_refused() -> None:
    job = upload("email,name\nann@example.com,Ann\n")
    with pytest.raises(MappingError):
        importing.declare(job=job, columns=[Column("email"), Column("name", "name")], statement=AGREED)


def test_starting_twice_imports_once() -> None:
    job = bring_in("email\nann@example.com\n")
    with pytest.raises(importing.ImportStateError):
        importing.commit(job=job)
    with pytest.raises(importing.ImportStateError):
        importing.cancel(job=job)


def test_a_cancelled_import_is_over() -> None:
    job = upload("email\nann@example.com\n")
    importing.cancel(job=job)
    with pytest.raises(importing.ImportStateError):
        importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=AGREED)


def test_a_killed_import_goes_on_after_its_last_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    from subscribers.merging import merge, run

    monkeypatch.setattr(run, "CHUNK", 2)
    job = upload("email\n" + "".join(f"p{number}@example.com\n" for number in range(7)))
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=AGREED)
    importing.check(job=job)
    ImportJob.objects.update(state=ImportState.RUNNING)
    original, calls = merge.Merge.run_chunk, list[int]()

    def dies_at_the_third(self: merge.Merge, after: int, upto: int) -> None:
        calls.append(after)
        if len(calls) == 3:
            raise KeyboardInterrupt
        original(self, after, upto)

    with monkeypatch.context() as patch:
        patch.setattr(merge.Merge, "run_chunk", dies_at_the_third)
        with pytest.raises(KeyboardInterrupt):
            run.run_job(job_id=job.pk)
    assert Subscriber.objects.count() == 4
    run.run_job(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.rows_new, job.rows_done) == (ImportState.DONE, 7, 7)
    assert ConsentRecord.objects.count() == 7


def test_a_field_of_another_type_stops_the_import_with_words() -> None:
    bring_in("email,city\nann@example.com,Berlin\n")
    job = upload("email,city\nbob@example.com,Paris\n")
    columns = [Column("email", "email"), Column("city", "field:city", "list")]
    importing.declare(job=job, columns=columns, statement=AGREED)
    job = importing.commit(job=importing.check(job=job))
    assert job.state == ImportState.FAILED
    assert "already holds" in job.error
    assert Subscriber.objects.count() == 1


def test_a_latin_1_file_can_be_read_as_another_encoding() -> None:
    job = upload("email;name\nann@example.com;Łucja\n".encode("cp1250"))
    assert job.mapping["sample"][0][1] != "Łucja"
    job = importing.reread(job=job, encoding="cp1250", delimiter=";")
    assert job.mapping["sample"][0][1] == "Łucja"


def stored(job: ImportJob) -> bool:
    return bool(job.file.storage.exists(str(job.file.name)))


def test_the_file_goes_when_the_import_is_done(django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        job = bring_in("email,name\nann@example.test,Ann\nbroken,Bob\n")
    assert (job.state, stored(job)) == (ImportState.DONE, False)
    assert "ann@" not in f"{job.mapping}{job.preview}"
    assert job.preview["new"] == 1
    assert RefusedRow.objects.filter(job=job).exists()


def test_a_worker_that_comes_late_does_not_spoil_a_finished_import() -> None:
    job = bring_in("email\nann@example.test\n")
    ImportJob.objects.filter(pk=job.pk).update(state=ImportState.RUNNING)
    late = ImportJob.objects.get(pk=job.pk)
    ImportJob.objects.filter(pk=job.pk).update(state=ImportState.DONE)
    run._fail(late, "The uploaded file is gone.")
    late.refresh_from_db()
    assert late.state == ImportState.DONE


def test_what_nobody_goes_on_with_is_given_up(django_capture_on_commit_callbacks: Any) -> None:
    old, new = upload("email\nann@example.test\n"), upload("email\nbob@example.test\n")
    done = bring_in("email\ncleo@example.test\nbroken\n")
    long_ago = clock.now() - timedelta(days=31)
    ImportJob.objects.filter(pk=old.pk).update(updated_at=long_ago)
    ImportJob.objects.filter(pk=done.pk).update(finished_at=long_ago)
    with django_capture_on_commit_callbacks(execute=True):
        assert importing.forget_old() == 1
    old.refresh_from_db()
    new.refresh_from_db()
    assert (old.state, stored(old), old.mapping["sample"]) == (ImportState.CANCELLED, False, [])
    assert (new.state, stored(new)) == (ImportState.UPLOADED, True)
    assert not RefusedRow.objects.exists()
