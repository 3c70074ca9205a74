"""The printable proof of one person: every record with what was shown, and the way to the signed checkpoint."""

import datetime as dt
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from subscribers.ledger.verify_export import verify_export
from subscribers.models import ConsentPersonal, ConsentRecord, SigningKey, Subscriber
from subscribers.selectors import register
from subscribers.services import consent, people_merging, unsubscribe
from tests.factories.accounts import AdminFactory, UserFactory
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _ledger(settings: Any, tmp_path: Path) -> None:
    settings.LEDGER_KEY_FILE = str(tmp_path / "ledger.pem")
    settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "ledger.jsonl")


@pytest.fixture
def ada(django_capture_on_commit_callbacks: Any) -> Subscriber:
    """Somebody with three records, among other people's, and with checkpoints written."""
    with django_capture_on_commit_callbacks(execute=True):
        person("before@example.com")
        found = person("ada@example.com")
        unsubscribe.leave_all(subscriber_id=found.pk, source="run:1", method="page", ip="192.0.2.77")
        person("after@example.com")
    return found


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(AdminFactory.create())
    return client


def page_of(found: Subscriber) -> str:
    return reverse("subscribers:person_proof", args=[found.public_id])


def test_every_record_stands_there_with_words_evidence_hashes_and_the_way_to_the_checkpoint(
    admin: Client, ada: Subscriber
) -> None:
    text = admin.get(page_of(ada)).content.decode()
    records = list(ConsentRecord.objects.filter(subject=ada.public_id))
    assert {record.act for record in records} == {"granted", "objected"}
    for record in records:
        assert f"Record {record.pk}:" in text
        assert bytes(record.commitment).hex() in text
    assert "Yes, send me news." in text
    assert "192.0.2.0" in text
    assert "ada@example.com" in text
    assert "before@example.com" not in text
    assert "after@example.com" not in text
    assert "Every record is as it was written." in text
    # An installation's zone is not UTC, and neither is an administrator's.
    made = re.search(r"<dd>([-0-9]{10} [:0-9]{8}) UTC</dd>", text)
    assert made is not None
    assert abs(dt.datetime.fromisoformat(f"{made[1]}+00:00") - clock.now()) < dt.timedelta(minutes=20)
    newest = register.newest_checkpoint()
    assert newest is not None
    assert newest.block_hash in text
    assert newest.signature in text
    assert "lead to this checkpoint" in text
    assert bytes(SigningKey.objects.get().public_key).hex() in text
    assert "verify_register FILE.zip --public-key" in text
    assert "<nav" not in text
    assert "<script" not in text


def test_only_an_administrator_sees_it_and_each_look_is_in_the_audit_log(
    client: Client, ada: Subscriber
) -> None:
    client.force_login(UserFactory.create())
    assert client.get(page_of(ada)).status_code == 403
    detail = reverse("subscribers:subscriber_detail", args=[ada.public_id])
    assert page_of(ada) not in client.get(detail).content.decode()
    client.force_login(AdminFactory.create())
    assert page_of(ada) in client.get(detail).content.decode()
    client.get(page_of(ada))
    entry = AuditEntry.objects.get(action="register.proved")
    assert entry.object_id == str(ada.pk)
    assert (entry.detail["records"], entry.detail["faults"]) == (2, 0)


def test_the_signed_file_of_one_person_verifies_and_shows_nobody_else(
    admin: Client, ada: Subscriber, tmp_path: Path
) -> None:
    answer: Any = admin.post("/consent/export/", {"form": "json", "subject": str(ada.public_id)})
    raw = b"".join(answer.streaming_content)
    rows = json.loads(zipfile.ZipFile(io.BytesIO(raw)).read("register.json"))
    assert {row["email"] for row in rows} == {"ada@example.com"}
    assert len(rows) == 2
    path = tmp_path / "one.zip"
    path.write_bytes(raw)
    report = verify_export(path, bytes(SigningKey.objects.get().public_key))
    assert (report.ok, report.records) == (True, 2)


def test_a_subject_that_cannot_be_read_exports_nothing(admin: Client, ada: Subscriber) -> None:
    assert admin.post("/consent/export/", {"form": "json", "subject": "x' OR 1=1"}).status_code == 400


def test_what_was_changed_is_said(admin: Client, ada: Subscriber) -> None:
    record = ConsentRecord.objects.filter(subject=ada.public_id).order_by("id")[0]
    ConsentPersonal.objects.filter(pk=record.pk).update(email="other@example.com")
    text = admin.get(page_of(ada)).content.decode()
    assert f"Record {record.pk}: the personal data beside it are not those" in text
    assert "Every record is as it was written." not in text


def test_a_checkpoint_of_another_ledger_is_said(admin: Client, ada: Subscriber, settings: Any) -> None:
    path = Path(settings.LEDGER_CHECKPOINT_FILE)
    lines = path.read_text().splitlines()
    fields = json.loads(lines[-1])
    path.write_text(json.dumps(fields | {"block_hash": "ab" * 32}) + "\n")
    text = admin.get(page_of(ada)).content.decode()
    assert "The blocks do not lead to the checkpoint." in text
    assert "The checkpoint is not signed by a key of the ledger." in text


def test_records_after_the_newest_checkpoint_are_named(admin: Client, ada: Subscriber) -> None:
    late = consent.record(
        subscriber_id=ada.pk, purpose="open_tracking", act="refused", lawful_basis="none", method="page",
        source="test", occurred_at=clock.now(), actor="person",
    )  # fmt: skip
    assert f"Sealed after it: record {late.pk}" in admin.get(page_of(ada)).content.decode()


def test_the_records_of_whoever_was_merged_into_the_person_are_there(admin: Client, ada: Subscriber) -> None:
    other = person("ada@work.example")
    old = ConsentRecord.objects.get(subject=other.public_id)
    people_merging.merge(keep_id=ada.pk, other_id=other.pk, actor=None)
    text = admin.get(page_of(ada)).content.decode()
    assert f"Record {old.pk}:" in text
    assert str(other.public_id) in text


def test_for_nobody_there_is_no_page(admin: Client) -> None:
    path = reverse("subscribers:person_proof", args=["00000000-0000-4000-8000-000000000000"])
    assert admin.get(path).status_code == 404
