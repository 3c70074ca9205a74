import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from subscribers.merging import run
from subscribers.models import CustomField, ImportJob, ImportState, Profile, Segment, Subscriber
from subscribers.services import importing
from tests.factories.accounts import UserFactory, ViewerFactory

pytestmark = pytest.mark.django_db
TEXT = "E-Mail;Name;Stadt;segment\nann@example.com;Jürgen;Köln;new\nbob@example.com;=1+1;Ulm;loyal\nbroken;X;=2+2;new\n"
DECLARED = {
    "basis": "consent",
    "source": "form",
    "occurred_on": "2025-01-01",
    "wording": "Yes, send me news.",
    "existing": "overwrite",
    "agreed": "on",
    "segments": "on",
}


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(UserFactory.create())
    return client


def upload(client: Client, data: bytes = TEXT.encode("latin-1"), name: str = "people.csv") -> ImportJob:
    response = client.post("/imports/add/", {"file": SimpleUploadedFile(name, data)})
    assert response.status_code == 302, response.content.decode()
    return ImportJob.objects.latest("pk")


def columns(job: ImportJob) -> dict[str, Any]:
    targets = ["email", "name", "new", "new"]
    posted = {f"target_{index}": target for index, target in enumerate(targets)}
    return posted | {"type_2": "text", "type_3": "choice"}


def test_the_whole_way_in_the_browser(marketer: Client) -> None:
    job = upload(marketer)
    page = marketer.get(f"/imports/{job.public_id}/map/").content.decode()
    assert "Jürgen" in page
    response = marketer.post(f"/imports/{job.public_id}/map/", {**DECLARED, **columns(job)})
    assert response.headers["Location"] == f"/imports/{job.public_id}/"
    page = marketer.get(f"/imports/{job.public_id}/").content.decode()
    assert 'hx-trigger="every 2s"' in page
    importing.check(job=job)
    page = marketer.get(f"/imports/{job.public_id}/").content.decode()
    assert "Import 2 people" in page
    assert "@-sign" in page
    assert "every 2s" not in page
    marketer.post(f"/imports/{job.public_id}/start/")
    job.refresh_from_db()
    assert job.state == ImportState.RUNNING
    run.run_job(job_id=job.pk)
    page = marketer.get(f"/imports/{job.public_id}/").content.decode()
    assert "Done" in page
    assert Subscriber.objects.get(email="ann@example.com").fields == {"stadt": "Köln", "segment": "new"}
    assert CustomField.objects.get(key="stadt").label == "Stadt"
    assert Segment.objects.count() == 2


def test_a_file_without_rows_offers_nothing_to_import(marketer: Client) -> None:
    job = upload(marketer, b"email,name\n")
    marketer.post(f"/imports/{job.public_id}/map/", {**DECLARED, "target_0": "email", "target_1": "name"})
    importing.check(job=job)
    page = marketer.get(f"/imports/{job.public_id}/").content.decode()
    assert "Nothing to import" in page
    assert f"/imports/{job.public_id}/start/" in page
    assert "btn-primary" not in page.split("mp-form-foot", 1)[1].split("</form>")[0]


def test_refused_rows_come_back_safe_for_a_spreadsheet(marketer: Client) -> None:
    job = upload(marketer)
    marketer.post(f"/imports/{job.public_id}/map/", {**DECLARED, **columns(job)})
    importing.commit(job=importing.check(job=job))
    response = marketer.get(f"/imports/{job.public_id}/refused.csv")
    rows = list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert rows[0] == ["E-Mail", "Name", "Stadt", "segment", "Refused: line", "Refused: reason"]
    assert rows[1][:5] == ["broken", "X", "'=2+2", "new", "4"]
    assert "@-sign" in rows[1][5]


def test_a_mended_file_of_refused_rows_can_be_sent_again(marketer: Client) -> None:
    job = upload(marketer)
    marketer.post(f"/imports/{job.public_id}/map/", {**DECLARED, **columns(job)})
    importing.commit(job=importing.check(job=job))
    mended = marketer.get(f"/imports/{job.public_id}/refused.csv").content.replace(
        b"broken", b"eve@example.com"
    )
    again = upload(marketer, mended)
    marketer.post(f"/imports/{again.public_id}/map/", {**DECLARED, "target_0": "email", "target_1": "name"})
    again = importing.commit(job=importing.check(job=again))
    assert (again.rows_new, again.rows_refused) == (1, 0)
    assert Subscriber.objects.filter(email="eve@example.com").exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [(b"", "empty"), (b"PK\x03\x04zip", "Excel"), (b"\x00\x01\xff", "binary"), (b'[{"email": "a@', "cut off"),
     (b'email,name\na@b.co,"Ann\n', "cut off"), (b"ann@example.com\nbob@example.com\n", "column names")],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_answered_in_words(marketer: Client, data: bytes, words: str) -> None:
    response = marketer.post("/imports/add/", {"file": SimpleUploadedFile("people.csv", data)})
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [({"agreed": ""}, "Declare that"), ({"wording": ""}, "exact words"), ({"target_0": ""}, "No column holds"),
     ({"target_1": "email"}, "Two columns are mapped"), ({"target_1": "nonsense"}, "is not something")],
)  # fmt: skip
def test_an_incomplete_declaration_changes_nothing(
    marketer: Client, change: dict[str, str], words: str
) -> None:
    job = upload(marketer)
    response = marketer.post(f"/imports/{job.public_id}/map/", {**DECLARED, **columns(job), **change})
    assert response.status_code == 422
    assert words in response.content.decode()
    job.refresh_from_db()
    assert job.state == ImportState.UPLOADED


def test_reading_the_file_in_another_encoding(marketer: Client) -> None:
    job = upload(marketer, "email;name\nann@example.com;Łucja\n".encode("cp1250"))
    marketer.post(f"/imports/{job.public_id}/reread/", {"encoding": "cp1250", "delimiter": ";"})
    assert "Łucja" in marketer.get(f"/imports/{job.public_id}/map/").content.decode()
    response = marketer.post(
        f"/imports/{job.public_id}/reread/", {"encoding": "utf-8", "delimiter": ";"}, follow=True
    )
    assert "The file is not utf-8" in response.content.decode()


def test_starting_twice_and_cancelling_too_late(marketer: Client) -> None:
    job = upload(marketer)
    marketer.post(f"/imports/{job.public_id}/map/", {**DECLARED, **columns(job)})
    importing.check(job=job)
    for _ in range(2):
        assert marketer.post(f"/imports/{job.public_id}/start/").status_code == 302
    marketer.post(f"/imports/{job.public_id}/cancel/")
    job.refresh_from_db()
    assert job.state == ImportState.RUNNING
    assert marketer.get(f"/imports/{job.public_id}/map/").status_code == 302


def test_a_cancelled_import(marketer: Client) -> None:
    job = upload(marketer)
    marketer.post(f"/imports/{job.public_id}/cancel/")
    assert "Cancelled" in marketer.get("/imports/").content.decode()


def test_viewers_see_imports_but_export_nobody(client: Client, marketer: Client) -> None:
    job = upload(marketer)
    client.force_login(ViewerFactory.create())
    assert client.get("/imports/").status_code == 200
    assert client.get(f"/imports/{job.public_id}/").status_code == 200
    assert client.get(f"/imports/{job.public_id}/refused.csv").status_code == 403
    assert client.get("/imports/00000000-0000-4000-8000-000000000000/").status_code == 404


def test_taking_an_import_back_in_the_browser(marketer: Client) -> None:
    job = upload(marketer)
    marketer.post(f"/imports/{job.public_id}/map/", {**DECLARED, **columns(job)})
    importing.commit(job=importing.check(job=job))
    assert "Take this import back" in marketer.get(f"/imports/{job.public_id}/").content.decode()
    ann = Subscriber.objects.get(email="ann@example.com")
    Profile.objects.filter(pk=ann.pk).update(last_sent_at=clock.now())
    marketer.post(f"/imports/{job.public_id}/undo/")
    assert "Taking the import back" in marketer.get(f"/imports/{job.public_id}/").content.decode()
    run.undo_job(job_id=job.pk)
    page = marketer.get(f"/imports/{job.public_id}/").content.decode()
    assert "This import was taken back" in page
    assert "was mailed since" in page
    assert list(Subscriber.objects.values_list("email", flat=True)) == ["ann@example.com"]
    again = marketer.post(f"/imports/{job.public_id}/undo/", follow=True)
    assert "can no longer be taken back" in again.content.decode()
    words = list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))
    assert words[-2:] == ["import.undo_started", "import.undone"]
