"""Exports of other products, workbooks and archives, mended rows, files in the storage, files of people not to mail."""

import datetime as dt
from typing import Any

import pytest
from botocore.config import Config
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from mailplatform.core.keys import email_key
from subscribers.importing.columns import MappingError, from_json
from subscribers.ledger.report import Kind
from subscribers.merging import run, suppressing
from subscribers.models import (
    ConsentPersonal,
    ImportJob,
    ImportState,
    Profile,
    RefusedRow,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.selectors import register
from subscribers.services import importing, lists, suppression
from subscribers.services.importing import Statement
from tests.factories.workbooks import archive, workbook

pytestmark = pytest.mark.django_db
AGREED = Statement(
    basis="consent", source="form", wording="Yes.", occurred_at=dt.datetime(2025, 1, 1, tzinfo=dt.UTC)
)


def upload(data: bytes | str, name: str, **options: Any) -> ImportJob:
    raw = data.encode() if isinstance(data, str) else data
    return importing.create_job(file=ContentFile(raw, name=name), **options)


def bring_in(data: bytes | str, name: str, statement: Statement = AGREED, **options: Any) -> ImportJob:
    job = upload(data, name)
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=statement, **options)
    job = importing.commit(job=importing.check(job=job))
    assert job.state == ImportState.DONE, job.error
    return job


@pytest.mark.usefixtures("ledger_files")
def test_mailchimps_export_brings_its_evidence() -> None:
    job = bring_in(
        "Email Address,First Name,Last Name,OPTIN_TIME,OPTIN_IP,CONFIRM_TIME,CONFIRM_IP,TAGS\n"
        'ann@example.com,Ann,Lee,2019-05-01 10:00:00,192.0.2.77,2019-05-01 10:05:00,2001:db8:1:2::9,"""a"",""b c"""\n',
        "subscribed_segment_export.csv",
        Statement(basis="consent", source="Mailchimp", wording="Yes."),
    )
    assert job.mapping["product"] == "Mailchimp"
    ann = Subscriber.objects.get()
    assert (ann.name, sorted(tag.name for tag in ann.tags.all())) == ("Ann Lee", ["a", "b c"])
    proof = ConsentPersonal.objects.get()
    assert proof.ip == "2001:db8:1::"
    assert proof.evidence["requested_at"] == "2019-05-01T10:00:00.000000Z"
    assert proof.evidence["requested_ip"] == "192.0.2.0"
    assert {problem.kind for problem in register.verify().problems} <= {Kind.CHECKPOINT}


def test_listmonks_export_becomes_fields_and_leavers_stay_out() -> None:
    job = bring_in(
        "email,name,attributes,status\n"
        'ann@example.com,Ann,"{""city"": ""Ulm"", ""likes"": [""x"", ""y""]}",enabled\n'
        'bob@example.com,Bob,"{""city"": ""Bonn""}",blocklisted\n',
        "listmonk.csv",
    )
    assert job.mapping["product"] == "listmonk"
    assert Subscriber.objects.get().fields == {"city": "Ulm", "likes": ["x", "y"]}
    refused = RefusedRow.objects.get(job=job)
    assert refused.reason == "status: the file says that this person is blocked"


def test_keilas_export() -> None:
    job = bring_in(
        "Email,First name,Last name,Data,Status,External ID\n"
        'ann@example.com,Ann,Lee,"{""shoe"": 38}",active,7\nbob@example.com,,,,unreachable,8\n',
        "keila.csv",
    )
    assert (job.mapping["product"], job.rows_refused) == ("Keila", 1)
    assert Subscriber.objects.get().fields == {
        "first_name": "Ann",
        "last_name": "Lee",
        "external_id": 7,
        "shoe": 38,
    }


def test_brevos_export() -> None:
    job = bring_in("EMAIL;FIRSTNAME;LASTNAME;SMS\nann@example.com;Ann;Lee;49151\n", "brevo.csv")
    assert (job.mapping["product"], Subscriber.objects.get().name) == ("Brevo", "Ann Lee")


def test_a_workbook_with_formulas_and_another_sheet() -> None:
    data = workbook(
        {
            "Notes": [["about"], ["x"]],
            "People": [["email", "name"], ["ann@example.com", "=A1→Ann"], ["broken", "=1+1"]],
        }
    )
    job = upload(data, "people.xlsx")
    assert (job.file_format, job.mapping["sheet"]) == ("xlsx", "Notes")
    job = importing.reread(job=job, encoding="", delimiter="", sheet="People")
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=AGREED)
    job = importing.commit(job=importing.check(job=job))
    assert (job.rows_new, Subscriber.objects.get().name) == (1, "Ann")
    assert RefusedRow.objects.get(job=job).line == 3


def test_an_archive_of_one_file() -> None:
    job = bring_in(archive({"people.csv": "email\tname\nann@example.com\tAnn\n"}), "people.zip")
    assert (job.file_format, job.mapping["delimiter"], job.rows_new) == ("zip", "\t", 1)


def test_fill_writes_only_where_nothing_is() -> None:
    bring_in("email,name,city,shoe\nann@example.com,,Ulm,\n", "a.csv")
    bring_in("email,name,city,shoe\nann@example.com,Ann,Bonn,38\n", "b.csv", existing="fill")
    ann = Subscriber.objects.get()
    assert (ann.name, ann.fields["city"], str(ann.fields["shoe"])) == ("Ann", "Ulm", "38")


def test_the_dry_run_shows_what_changes_of_whom() -> None:
    bring_in("email,name,city\nann@example.com,Ann,Ulm\nbob@example.com,Bob,\n", "a.csv")
    job = upload("email,name,city,tags\nann@example.com,Ann,Bonn,vip\nbob@example.com,Bob,,\n", "b.csv")
    news = lists.ensure(name="News")
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=AGREED, mailing_list=news)
    job = importing.check(job=job)
    assert job.preview["changes"] == [
        {
            "email": "ann@example.com",
            "changes": [["city", "Ulm", "Bonn"], ["Tags", "", "vip"], ["List", "", "joins"]],
        },
        {"email": "bob@example.com", "changes": [["List", "", "joins"]]},
    ]


def test_a_slip_in_a_domain_is_a_hint_not_a_refusal() -> None:
    job = upload("email\nann@gmial.com\nbob@gmail.com\n", "a.csv")
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=AGREED)
    job = importing.check(job=job)
    assert [hint["domain"] for hint in job.preview["hints"]] == ["gmial.com"]
    assert importing.commit(job=job).rows_new == 2


def test_a_file_in_the_storage_is_named_by_its_key() -> None:
    name = default_storage.save(
        "subscribers/test-people.json", ContentFile(b'[{"email": "ann@example.com"}]')
    )
    try:
        job = importing.create_from_storage(key=f"/{name}")
        assert (job.file_format, job.file_name) == ("json", name.rsplit("/", 1)[-1])
        assert job.file.name != name
        importing.cancel(job=job)
        assert default_storage.exists(name)
    finally:
        default_storage.delete(name)


@pytest.mark.parametrize(
    "key",
    ["imports/2026/01/secret.csv", "../subscribers/x.csv", "subscribers/../imports/x.csv", "subscribers/./x",
     "/etc/passwd", "subscribers\\..\\x", "", "subscribers/missing.csv"],
)  # fmt: skip
def test_only_files_in_their_folders_are_read_from_the_storage(key: str) -> None:
    with pytest.raises(importing.FileRefusedError):
        importing.create_from_storage(key=key)
    assert not ImportJob.objects.exists()


def suppress(data: str, **options: Any) -> ImportJob:
    job = upload(data, "blocked.csv", kind="suppression")
    importing.declare_suppression(job=job, **{"column": 0, "reason": "unsubscribe", **options})
    job = importing.check(job=job)
    assert job.state == ImportState.READY, job.error
    return importing.commit(job=job)


def test_addresses_and_keyed_hashes_are_suppressed_and_nobody_is_added() -> None:
    bring_in("email\nann@example.com\n", "a.csv")
    job = suppress(f"Ann@Example.com\n{email_key('bob@example.com').hex()}\nbroken\nann@example.com\n")
    assert (job.preview["new"], job.preview["same"], job.preview["people"], job.rows_refused) == (2, 1, 1, 1)
    assert (job.rows_new, job.rows_unchanged) == (2, 1)
    keys = {bytes(key) for key in Suppression.objects.values_list("email_key", flat=True)}
    assert keys == {email_key("ann@example.com"), email_key("bob@example.com")}
    assert Subscriber.objects.count() == 1
    again = bring_in("email\nbob@example.com\nann@example.com\n", "b.csv")
    assert (again.rows_new, again.rows_refused) == (0, 2)


def test_a_reason_of_each_wins_and_an_unknown_one_is_refused() -> None:
    job = suppress("key,reason\na@b.co,complaint\nc@d.co,\ne@f.co,because\n", reason_column=1)
    found = dict(Suppression.objects.values_list("reason", "source"))
    assert found == {"complaint": f"import {job.pk}", "unsubscribe": f"import {job.pk}"}
    assert "is none of the reasons" in RefusedRow.objects.get(job=job).reason


def test_a_suppression_import_that_was_killed_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppressing, "BLOCK", 2)
    job = upload("".join(f"p{number}@example.com\n" for number in range(5)), "x.txt", kind="suppression")
    importing.declare_suppression(job=job, column=0, reason="manual")
    importing.check(job=job)
    ImportJob.objects.filter(pk=job.pk).update(state=ImportState.RUNNING)
    with monkeypatch.context() as patch:
        patch.setattr(suppression, "suppress_keys", _dies_at_the_second())
        with pytest.raises(KeyboardInterrupt):
            run.run_job(job_id=job.pk)
    assert Suppression.objects.count() == 2
    run.run_job(job_id=job.pk)
    job.refresh_from_db()
    assert (job.state, job.rows_new, job.rows_done, Suppression.objects.count()) == (
        ImportState.DONE,
        5,
        5,
        5,
    )


def _dies_at_the_second() -> Any:
    original, calls = suppression.suppress_keys, list[int]()

    def replacement(cursor: Any, rows: Any) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return int(original(cursor, rows))

    return replacement


def test_a_suppression_import_cannot_be_taken_back_or_declared_wrongly() -> None:
    job = suppress("a@b.co\n")
    with pytest.raises(importing.ImportStateError):
        importing.undo(job=job)
    other = upload("a@b.co\n", "x.txt", kind="suppression")
    for options in ({"column": 5, "reason": "manual"}, {"column": 0, "reason": "merged"}):
        with pytest.raises(MappingError):
            importing.declare_suppression(job=other, **options)  # type: ignore[arg-type]
    people = upload("email\na@b.co\n", "y.csv")
    with pytest.raises(importing.ImportStateError):
        importing.declare_suppression(job=people, column=0, reason="manual")


def test_imported_subscriptions_and_bases_are_untouched_by_a_suppression_of_others() -> None:
    bring_in("email\nann@example.com\n", "a.csv", mailing_list=lists.ensure(name="News"))
    suppress("bob@example.com\n")
    assert (Subscription.objects.get().state, Profile.objects.get().marketing_basis) == (
        "confirmed",
        "consent",
    )


def test_a_storage_that_is_away_is_said(settings: Any) -> None:
    job = upload("email\nann@example.com\n", "people.csv")
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=AGREED)
    away = {
        "bucket_name": "b", "endpoint_url": "http://127.0.0.1:9", "access_key": "x", "secret_key": "x",
        "region_name": "eu-central-1", "client_config": Config(retries={"max_attempts": 0}, connect_timeout=1),
    }  # fmt: skip
    s3 = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": away}
    settings.STORAGES = {**settings.STORAGES, "default": s3}
    with pytest.raises(importing.FileRefusedError, match="did not give the file"):
        importing.create_from_storage(key="subscribers/people.csv")
    with pytest.raises(importing.FileRefusedError, match="does not answer"):
        upload("email\nbob@example.com\n", "people.csv")
    job = importing.check(job=ImportJob.objects.get())
    assert (job.state, job.error) == (
        ImportState.FAILED,
        "The storage did not give the file. Try again.",
    )
