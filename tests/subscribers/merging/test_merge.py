"""A chunk is merged whole, agrees with the ledger, and starts again when somebody came in between."""

from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import IntegrityError, connection, transaction

from mailplatform.core.keys import email_key
from subscribers.importing.columns import from_json
from subscribers.ledger.report import Kind
from subscribers.merging import merge, sorting, table
from subscribers.models import (
    ConsentPersonal,
    ConsentRecord,
    ImportJob,
    ImportState,
    Profile,
    RefusedRow,
    Subscriber,
    Suppression,
)
from subscribers.selectors import register
from subscribers.services import basis, importing, lists, profiles
from subscribers.services.importing import Statement

pytestmark = pytest.mark.django_db

AGREED = Statement(
    basis="consent", source="form", wording="Yes, “news”\tplease.", occurred_at=None, reference="ticket 7"
)
TEXT = (
    "email,name,consent_at,opens,clicks,tags,city,tz\n"
    "ann@example.com,Ann,2025-01-02,yes,no,vip;new,Berlin,Europe/Berlin\n"
    'bob@example.com,"Bob \\ ""B""",2025-01-03T10:00:00+02:00,,,,Köln,\n'
    "eve@example.com,Eve,,yes,yes,,,\n"
)


def checked(text: str, statement: Statement = AGREED, **options: Any) -> ImportJob:
    job = importing.create_job(file=ContentFile(text.encode(), name="people.csv"))
    importing.declare(job=job, columns=from_json(job.mapping["columns"]), statement=statement, **options)
    return importing.check(job=job)


def test_what_is_written_is_what_the_ledger_says() -> None:
    importing.commit(job=checked(TEXT, mailing_list=lists.ensure(name="News")))
    ids = list(Subscriber.objects.values_list("pk", flat=True))
    before = list(Profile.objects.order_by("pk").values())
    with connection.cursor() as cursor:
        assert basis.derive(cursor, ids) == 0
    profiles.refresh(subscriber_ids=ids)
    assert list(Profile.objects.order_by("pk").values()) == before
    assert {row["marketing_basis"] for row in before} == {"consent", "none"}
    assert Subscriber.objects.get(email="ann@example.com").time_zone == "Europe/Berlin"
    assert Subscriber.objects.get(email="bob@example.com").name == 'Bob \\ "B"'


def test_records_verify_with_their_evidence() -> None:
    importing.commit(job=checked(TEXT))
    assert ConsentRecord.objects.count() == 4
    proof = ConsentPersonal.objects.get(
        record_id=ConsentRecord.objects.filter(purpose="open_tracking").get().pk
    )
    assert proof.evidence["reference"] == "ticket 7"
    assert proof.evidence["line"] == 2
    salts = {bytes(salt) for salt in ConsentPersonal.objects.values_list("salt", flat=True)}
    assert {len(salt) for salt in salts} == {32}
    assert len(salts) == 4
    # The checkpoint is written after a commit, and this test has none.
    assert {problem.kind for problem in register.verify().problems} <= {Kind.CHECKPOINT}


def test_somebody_suppressed_between_sorting_and_writing_is_set_aside(
    monkeypatch: pytest.MonkeyPatch, transactional_db: None
) -> None:
    job = checked(TEXT)
    ImportJob.objects.update(state=ImportState.RUNNING)
    original, tries = sorting.sort_rows, list[int]()

    def complains_meanwhile(cursor: Any, params: dict[str, Any], **options: Any) -> Any:
        counts = original(cursor, params, **options)
        tries.append(1)
        if len(tries) == 1:
            Suppression.objects.create(email_key=email_key("ann@example.com"), reason="complaint")
        return counts

    monkeypatch.setattr(sorting, "sort_rows", complains_meanwhile)
    with pytest.raises(IntegrityError), transaction.atomic():
        merge.Merge(job)._run(0, 3)
    assert not Subscriber.objects.exists()


def test_a_chunk_is_tried_again(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> None:
    job = checked(TEXT)
    ImportJob.objects.update(state=ImportState.RUNNING)
    original, tries = merge.Merge._people, list[int]()

    def overtaken_once(self: merge.Merge, *args: Any) -> list[int]:
        tries.append(1)
        if len(tries) == 1:
            raise IntegrityError("a complaint came in between")
        return original(self, *args)

    monkeypatch.setattr(merge.Merge, "_people", overtaken_once)
    merge.Merge(job).run_chunk(0, 3)
    assert len(tries) == 2
    assert Subscriber.objects.count() == 3


def test_the_file_is_read_again_where_a_crash_emptied_the_staged_rows() -> None:
    job = checked(TEXT)
    table.clear(job.pk)
    job = importing.commit(job=job)
    assert (job.state, job.rows_new) == (ImportState.DONE, 3)
    assert table.count(job.pk) == 0


def test_set_aside_since_the_dry_run_and_come_back_since() -> None:
    Suppression.objects.create(email_key=email_key("bob@example.com"), reason="unsubscribe")
    job = checked(TEXT)
    assert RefusedRow.objects.get(job=job).line == 3
    Suppression.objects.all().delete()
    Suppression.objects.create(email_key=email_key("eve@example.com"), reason="complaint")
    job = importing.commit(job=job)
    refused = RefusedRow.objects.get(job=job)
    assert (refused.line, refused.row[0]) == (4, "eve@example.com")
    assert "complained" in refused.reason
    assert (job.rows_new, job.rows_refused) == (2, 1)
    assert not Subscriber.objects.filter(email="eve@example.com").exists()


def test_an_erased_person_leaves_the_staged_rows() -> None:
    job = checked(TEXT)
    table.forget_person(email_key("ann@example.com"))
    assert table.count(job.pk) == 2


def test_an_unknown_time_zone_is_refused() -> None:
    job = checked("email,timezone\nann@example.com,Mars/Olympus\n", Statement())
    assert "is not a time zone" in RefusedRow.objects.get(job=job).reason
