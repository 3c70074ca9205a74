"""The copies in the storage: the nightly list, which an import reads back, and checkpoints that nobody can delete."""

import csv
import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from moto import mock_aws

from mailplatform.core import clock, keys
from mailplatform.management.doctor import files
from subscribers.models import ImportKind, StorageCopy, Suppression
from subscribers.selectors import register
from subscribers.services import importing, sealing, storage_copies, suppression
from tests.factories.accounts import AdminFactory
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db
BUCKET = "ledger-copies"
KEYS = {"region_name": "eu-central-1", "access_key": "x", "secret_key": "x"}


@pytest.fixture(autouse=True)
def _files(settings: Any, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.LEDGER_KEY_FILE = str(tmp_path / "ledger.pem")
    settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "ledger.jsonl")


@pytest.fixture
def bucket(request: pytest.FixtureRequest, settings: Any) -> Iterator[Any]:
    """A bucket at a local Amazon, with Object Lock or without."""
    is_locked = getattr(request, "param", True)
    with mock_aws():
        client = boto3.client(
            "s3", region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x"
        )
        client.create_bucket(
            Bucket=BUCKET, ObjectLockEnabledForBucket=is_locked,
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        )  # fmt: skip
        options = {**KEYS, "bucket_name": BUCKET, "file_overwrite": False, "lock_days": 30}
        backend = "mailplatform.aws.storage.LockedStorage"
        settings.STORAGES = {**settings.STORAGES, "ledger": {"BACKEND": backend, "OPTIONS": options}}
        client.is_locked = is_locked
        yield client


def blocked(email: str, reason: str = "complaint") -> bytes:
    key = keys.email_key(email)
    suppression.suppress(email_key=key, reason=reason, source="test")
    return key


def listed(name: str) -> list[list[str]]:
    with default_storage.open(name, "r") as file:
        return list(csv.reader(file))


def copied(client: Any) -> list[str]:
    return [item["Key"] for item in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])]


def test_the_list_holds_keyed_hashes_of_those_who_are_blocked_now_and_an_import_reads_it_back() -> None:
    left, erased = blocked("left@example.com", "unsubscribe"), blocked("gone@example.com", "erased")
    blocked("merged@example.com", "merged")
    Suppression.objects.filter(email_key=blocked("back@example.com")).update(lifted_at=clock.now())
    name, rows = storage_copies.copy_suppressions()
    assert (name, rows) == (f"suppression/{clock.now():%Y-%m-%d}.csv", 2)
    assert listed(name) == [
        ["address_or_hash", "reason"], [left.hex(), "unsubscribe"], [erased.hex(), "erased"]
    ]  # fmt: skip
    Suppression.objects.all().delete()
    job = importing.create_from_storage(key=name, kind=ImportKind.SUPPRESSION)
    importing.declare_suppression(job=job, column=0, reason="manual", reason_column=1)
    importing.check(job=job)
    importing.commit(job=job)
    assert suppression.suppression_reasons(left) == {"unsubscribe"}
    assert suppression.suppression_reasons(erased) == {"erased"}


def test_where_it_is_wanted_the_list_holds_the_addresses_of_people_who_are_still_known(settings: Any) -> None:
    settings.SUPPRESSION_COPY = "addresses"
    blocked(person("known@example.com").email)
    gone = blocked("gone@example.com")
    name, _ = storage_copies.copy_suppressions()
    assert [row[0] for row in listed(name)[1:]] == ["known@example.com", gone.hex()]


def test_a_day_has_one_file_and_after_two_weeks_it_goes(time_machine: Any) -> None:
    start = clock.now()
    for _ in range(2):
        storage_copies.copy_suppressions()
    default_storage.save("suppression/by-hand.csv", ContentFile(b"x"))
    time_machine.move_to(start + dt.timedelta(days=15), tick=False)
    storage_copies.copy_suppressions()
    days = {f"{clock.now():%Y-%m-%d}.csv", "by-hand.csv"}
    assert set(default_storage.listdir("suppression")[1]) == days


def test_the_list_is_copied_once_a_day_and_a_failure_is_noted_and_tried_again(
    settings: Any, tmp_path: Path, time_machine: Any
) -> None:
    (tmp_path / "media").write_text("not a folder")
    (failed,) = storage_copies.run_due()
    assert failed.error
    assert failed.done_at is None
    (tmp_path / "media").unlink()
    (done,) = storage_copies.run_due()
    assert (done.error, done.done_at is not None) == ("", True)
    assert storage_copies.run_due() == []
    time_machine.move_to(clock.now() + dt.timedelta(hours=24), tick=False)
    assert len(storage_copies.run_due()) == 1


@pytest.mark.parametrize("bucket", [True, False], indirect=True)
def test_checkpoints_are_copied_once_each_and_where_the_bucket_locks_nobody_deletes_them(
    bucket: Any, django_capture_on_commit_callbacks: Any
) -> None:
    for number in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            person(f"p{number}@example.com")
        storage_copies.run_due()
        storage_copies.run_due()
    names = copied(bucket)
    assert len(names) == 2
    together = b"".join(bucket.get_object(Bucket=BUCKET, Key=name)["Body"].read() for name in sorted(names))
    assert together == b"".join(sealing.checkpoint_store().lines())
    copy = StorageCopy.objects.get(kind="checkpoints")
    assert (copy.error, copy.name) == ("", max(names))
    head = bucket.head_object(Bucket=BUCKET, Key=names[0])
    assert head.get("ObjectLockMode") == ("GOVERNANCE" if bucket.is_locked else None)
    if bucket.is_locked:
        assert head["ObjectLockRetainUntilDate"] > clock.now() + dt.timedelta(days=29)
        with pytest.raises(ClientError, match="AccessDenied"):
            bucket.delete_object(Bucket=BUCKET, Key=names[0], VersionId=head["VersionId"])
    assert register.verify().ok


def test_a_file_from_which_lines_were_cut_is_told_by_its_copies(
    bucket: Any, django_capture_on_commit_callbacks: Any, settings: Any
) -> None:
    for number in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            person(f"p{number}@example.com")
    storage_copies.copy_checkpoints()
    path = Path(settings.LEDGER_CHECKPOINT_FILE)
    path.write_bytes(path.read_bytes().splitlines(keepends=True)[0])
    (_, copy) = storage_copies.run_due()
    assert "bytes of it were copied" in copy.error
    report = register.verify()
    assert any("is not in the checkpoint file" in line for line in report.lines())
    assert any("could not be copied" in text for text in register.state().warnings)


def test_a_file_that_was_begun_anew_gets_a_folder_of_its_own_and_the_check_says_so(
    bucket: Any, django_capture_on_commit_callbacks: Any, settings: Any
) -> None:
    for number in range(2):
        with django_capture_on_commit_callbacks(execute=True):
            person(f"p{number}@example.com")
        storage_copies.copy_checkpoints()
        Path(settings.LEDGER_CHECKPOINT_FILE).rename(f"{settings.LEDGER_CHECKPOINT_FILE}.{number}")
    assert len({name.split("/")[1] for name in copied(bucket)}) == 2
    assert any("2 other file(s)" in line for line in register.verify().lines())


def test_a_bucket_that_is_gone_is_noted_and_the_check_says_what_it_could_not_read(
    bucket: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        person("p@example.com")
    bucket.delete_bucket(Bucket=BUCKET)
    (_, copy) = storage_copies.run_due()
    assert "NoSuchBucket" in copy.error
    report = register.verify()
    assert report.ok
    assert any("could not be read" in line for line in report.lines())


def test_without_a_bucket_checkpoints_stay_where_they_are(settings: Any) -> None:
    assert "ledger" not in settings.STORAGES
    assert [copy.kind for copy in storage_copies.run_due()] == ["suppression"]


def test_a_failure_stands_on_the_page_of_blocked_addresses_and_in_the_doctors_words(
    client: Any, tmp_path: Path
) -> None:
    (tmp_path / "media").write_text("not a folder")
    storage_copies.run_due()
    client.force_login(AdminFactory.create())
    assert "could not be copied to the storage" in client.get("/blocked/").content.decode()
    assert any("could not be copied" in found.detail for found in files.copies())
    (tmp_path / "media").unlink()
    (done,) = storage_copies.run_due()
    page = client.get("/blocked/").content.decode()
    assert "could not be copied" not in page
    assert done.name in page
