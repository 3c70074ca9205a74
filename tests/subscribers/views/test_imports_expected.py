"""What people expect of an import, and what went wrong with imports elsewhere, in the words of both."""

import csv
import io
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from mailplatform.core.keys import email_key
from subscribers.merging import run
from subscribers.models import ImportJob, ImportState, Profile, Subscriber, Subscription, Suppression
from subscribers.services import importing, lists, unsubscribe
from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db
ROWS, BAD = 10_000, 37
STATEMENT = {
    "basis": "consent",
    "source": "form",
    "occurred_on": "2025-01-01",
    "wording": "Yes, send me news.",
    "existing": "overwrite",
    "agreed": "on",
}


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(UserFactory.create())
    return client


def upload(client: Client, data: bytes, name: str = "people.csv", **posted: str) -> ImportJob:
    response = client.post("/imports/add/", {"file": SimpleUploadedFile(name, data), **posted})
    assert response.status_code == 302, response.content.decode()
    return ImportJob.objects.latest("pk")


def as_proposed(job: ImportJob) -> dict[str, str]:
    """Post what the mapping page shows, changing nothing."""
    posted = {}
    for index, column in enumerate(job.mapping["columns"]):
        posted[f"target_{index}"] = "new" if column["target"].startswith("field:") else column["target"]
        posted[f"type_{index}"] = column["type"]
    return posted


def bring_in(client: Client, data: bytes, name: str = "people.csv", **changes: Any) -> ImportJob:
    job = upload(client, data, name)
    response = client.post(f"/imports/{job.public_id}/map/", {**STATEMENT, **as_proposed(job), **changes})
    assert response.status_code == 302, response.content.decode()
    run.check_job(job_id=job.pk)
    client.post(f"/imports/{job.public_id}/start/")
    run.run_job(job_id=job.pk)
    job.refresh_from_db()
    assert job.state == ImportState.DONE, job.error
    return job


def test_ux_26_a_semicolon_latin_1_file_with_37_bad_rows(marketer: Client) -> None:
    """All good rows in, a file of 37 rows back; the mended file: 37 in; the unsubscribed are never re-subscribed."""
    news = lists.ensure(name="News")
    bring_in(marketer, b"email\nleft@example.com\n", mailing_list=str(news.pk))
    unsubscribe.leave_all(subscriber_id=Subscriber.objects.get().pk, source="page", method="page")
    bad = set(range(0, ROWS, ROWS // BAD))
    bad = set(sorted(bad)[:BAD])
    rows = [
        f"{'wrong' if number in bad else f'p{number}@example.com'};Jürgen {number};Köln\n"
        for number in range(ROWS)
    ]
    data = ("E-Mail;Name;Stadt\n" + "".join(rows) + "left@example.com;Left;Ulm\n").encode("latin-1")
    job = upload(marketer, data)
    page = marketer.get(f"/imports/{job.public_id}/map/").content.decode()
    assert "Jürgen 1" in page
    assert 'value="cp1252" selected' in page
    assert 'value=";" selected' in page
    undeclared = {**STATEMENT, **as_proposed(job), "wording": ""}
    assert marketer.post(f"/imports/{job.public_id}/map/", undeclared).status_code == 422
    job = bring_in(marketer, data, mailing_list=str(news.pk))
    assert (job.rows_new, job.rows_refused) == (ROWS - BAD, BAD + 1)
    assert Subscriber.objects.get(email="p1@example.com").fields["stadt"] == "Köln"

    answer = marketer.get(f"/imports/{job.public_id}/refused.csv").content.decode("utf-8-sig")
    back = list(csv.reader(io.StringIO(answer)))
    mended, left = (
        [row for row in back[1:] if row[0] == "wrong"],
        [row for row in back[1:] if row[0] != "wrong"],
    )
    assert len(mended) == BAD
    assert mended[0][:3] == ["wrong", "Jürgen 0", "Köln"]
    assert "@-sign" in mended[0][4]
    assert "unsubscribed from all mail" in left[0][4]

    for number, row in enumerate(mended):
        row[0] = f"mended{number}@example.com"
    target = io.StringIO()
    csv.writer(target).writerows([back[0], *mended, *left])
    again = bring_in(marketer, target.getvalue().encode(), "mended.csv", mailing_list=str(news.pk))
    assert (again.rows_new, again.rows_refused) == (BAD, 1)
    assert Subscription.objects.filter(state="confirmed").count() == ROWS
    person = Subscriber.objects.get(email="left@example.com")
    assert Subscription.objects.get(subscriber=person).state == "unsubscribed"
    assert Profile.objects.get(pk=person.pk).marketing_basis == "withdrawn"


def test_the_file_of_refused_rows_maps_by_itself_as_it_was_mapped_by_hand(marketer: Client) -> None:
    data = b"Kontakt,Ruf\nann@example.com,Annie\nwrong,Bobby\n"
    hand = {"target_0": "email", "target_1": "name"}
    job = bring_in(marketer, data, **hand)
    back = marketer.get(f"/imports/{job.public_id}/refused.csv").content
    again = upload(marketer, back.replace(b"wrong", b"bob@example.com"))
    assert [column["target"] for column in again.mapping["columns"]] == ["email", "name", "", ""]
    page = marketer.get(f"/imports/{again.public_id}/map/").content.decode()
    assert "Mended rows of an earlier import" in page
    assert "Yes, send me news." in page
    assert "checked" not in page.split('name="agreed"')[1].split(">")[0]


# Imports that brought people back who had left (listmonk, Keila, Mailtrain), and other sorrows of imports elsewhere.


@pytest.mark.parametrize("policy", ["overwrite", "fill", "skip"])
def test_an_import_with_overwrite_does_not_turn_unsubscribed_people_back_on(
    marketer: Client, policy: str
) -> None:
    news = lists.ensure(name="News")
    data = b"email,name,consent_basis,consent_at\nann@example.com,Ann,consent,2026-01-01\n"
    bring_in(marketer, data, mailing_list=str(news.pk))
    ann = Subscriber.objects.get()
    unsubscribe.leave_all(subscriber_id=ann.pk, source="page", method="page")
    job = bring_in(marketer, data.replace(b",Ann,", b",New,"), mailing_list=str(news.pk), existing=policy)
    assert (job.rows_new, job.rows_changed, job.rows_refused) == (0, 0, 1)
    ann.refresh_from_db()
    assert (ann.name, Subscription.objects.get().state) == ("Ann", "unsubscribed")
    assert Profile.objects.get().marketing_basis == "withdrawn"
    assert Suppression.objects.filter(email_key=email_key(ann.email), lifted_at=None).exists()


def test_an_import_can_be_undone_and_no_opt_out_is_lost(marketer: Client) -> None:
    data = b"email\nann@example.com\nbob@example.com\n"
    job = bring_in(marketer, data)
    ann = Subscriber.objects.get(email="ann@example.com")
    unsubscribe.leave_all(subscriber_id=ann.pk, source="page", method="page")
    marketer.post(f"/imports/{job.public_id}/undo/")
    run.undo_job(job_id=job.pk)
    again = bring_in(marketer, data)
    assert (again.rows_new, again.rows_refused) == (1, 1)
    assert Profile.objects.get(pk=ann.pk).marketing_basis == "withdrawn"


def test_columns_are_mapped_on_a_page(marketer: Client) -> None:
    job = upload(marketer, b"Wohin,Wer\nann@example.com,Ann\n")
    page = marketer.get(f"/imports/{job.public_id}/map/").content.decode()
    assert page.count('<select class="form-select" name="target_') == 2
    job = bring_in(marketer, b"Wohin,Wer\nann@example.com,Ann\n", target_0="email", target_1="name")
    assert Subscriber.objects.get().name == "Ann"


def test_an_import_does_not_reset_a_status(marketer: Client) -> None:
    news = lists.ensure(name="News")
    bring_in(marketer, b"email\nann@example.com\nbob@example.com\n", mailing_list=str(news.pk))
    Subscription.objects.filter(subscriber__email="ann@example.com").update(state="unsubscribed")
    Suppression.objects.create(email_key=email_key("bob@example.com"), reason="bounce")
    job = bring_in(
        marketer, b"email,status\nann@example.com,active\nbob@example.com,active\n", mailing_list=str(news.pk)
    )
    assert (job.rows_changed, job.rows_unchanged, job.rows_refused) == (0, 0, 2)
    assert Subscription.objects.get(subscriber__email="ann@example.com").state == "unsubscribed"


def test_upper_and_lower_case_are_one_person(marketer: Client) -> None:
    bring_in(marketer, b"email\nann@example.com\n")
    job = bring_in(marketer, b"email\nANN@Example.com\n Bob@EXAMPLE.com \nbob@example.com.\n")
    assert (job.rows_new, job.rows_unchanged, job.rows_refused) == (1, 1, 1)
    assert sorted(Subscriber.objects.values_list("email", flat=True)) == [
        "ann@example.com",
        "bob@example.com",
    ]


def test_an_import_that_ends_badly_says_why(marketer: Client) -> None:
    good = "".join(f"p{number}@example.com,Köln\n" for number in range(2_000)).encode()
    job = upload(marketer, b"email,city\n" + good)
    with job.file.storage.open(str(job.file.name), "ab") as file:
        file.write(b'x@example.com,"never closed\n' + good)
    marketer.post(f"/imports/{job.public_id}/map/", {**STATEMENT, **as_proposed(job)})
    run.check_job(job_id=job.pk)
    job.refresh_from_db()
    page = marketer.get(f"/imports/{job.public_id}/").content.decode()
    assert (job.state, Subscriber.objects.count()) == (ImportState.FAILED, 0)
    assert "line 2002" in page
    assert "Try again" in page


def test_a_file_that_changes_its_encoding_midway_is_refused_before_anything_is_stored(
    marketer: Client,
) -> None:
    utf8 = "".join(f"p{number}@example.com,Jürgen\n" for number in range(3_000)).encode()
    data = b"email,name\n" + utf8 + "x@example.com,Jürgen\n".encode("latin-1") + utf8
    response = marketer.post("/imports/add/", {"file": SimpleUploadedFile("people.csv", data)})
    assert response.status_code == 422
    assert "are broken or cut off" in response.content.decode()
    assert not ImportJob.objects.exists()


def test_formulas_go_in_as_text_and_come_back_harmless(marketer: Client) -> None:
    job = bring_in(marketer, b"email,name\nann@example.com,=cmd()\n=cmd(),X\n")
    assert Subscriber.objects.get().name == "=cmd()"
    back = marketer.get(f"/imports/{job.public_id}/refused.csv").content.decode("utf-8-sig")
    assert back.splitlines()[1].startswith("'=cmd(),X")


def test_people_who_must_get_no_mail_in_the_browser(marketer: Client) -> None:
    bring_in(marketer, b"email\nann@example.com\n")
    assert (
        "checked"
        in marketer.get("/imports/add/?kind=suppression")
        .content.decode()
        .split('value="suppression"')[1][:80]
    )
    job = upload(marketer, b"ann@example.com\nbroken\n", "no.txt", kind="suppression")
    page = marketer.get(f"/imports/{job.public_id}/map/").content.decode()
    assert "Who must get no mail?" in page
    assert (
        marketer.post(f"/imports/{job.public_id}/map/", {"column": "9", "reason": "manual"}).status_code
        == 422
    )
    marketer.post(
        f"/imports/{job.public_id}/map/", {"column": "0", "reason_column": "", "reason": "complaint"}
    )
    run.check_job(job_id=job.pk)
    assert "Block 1 address" in marketer.get(f"/imports/{job.public_id}/").content.decode()
    marketer.post(f"/imports/{job.public_id}/start/")
    run.run_job(job_id=job.pk)
    page = marketer.get(f"/imports/{job.public_id}/").content.decode()
    assert "Newly blocked" in page
    assert "Take this import back" not in page
    assert Suppression.objects.get().reason == "complaint"


def test_a_file_is_named_by_its_key_or_sent_but_not_both(marketer: Client) -> None:
    file = SimpleUploadedFile("people.csv", b"email\na@b.co\n")
    for posted in (
        {"kind": "people"},
        {"file": file, "storage_key": "subscribers/x.csv"},
        {"storage_key": "imports/x.csv"},
    ):
        assert marketer.post("/imports/add/", posted).status_code == 422
    assert not ImportJob.objects.exists()


def test_the_dry_run_page_shows_changes_and_hints(marketer: Client) -> None:
    bring_in(marketer, b"email,city\nann@example.com,Ulm\n")
    job = upload(marketer, b"email,city\nann@example.com,Bonn\nbob@gmial.com,Rom\n")
    marketer.post(
        f"/imports/{job.public_id}/map/", {**STATEMENT, **as_proposed(job), "target_1": "field:city"}
    )
    importing.check(job=job)
    page = marketer.get(f"/imports/{job.public_id}/").content.decode()
    assert "What changes" in page
    assert "Ulm" in page
    assert "perhaps gmail.com is meant" in page
