"""After an erasure nothing names the person, the address stays out, and the ledger still verifies."""

from typing import Any

import pytest
from django.db import connection

from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.models import (
    ConsentPersonal,
    ConsentRecord,
    ImportJob,
    Profile,
    RefusedRow,
    Subscriber,
    Suppression,
)
from subscribers.selectors import register
from subscribers.services import consent, erasure

EMAIL = "ada@example.test"


def make(email: str = EMAIL) -> Subscriber:
    made = Subscriber.objects.create(email=email, email_key=email_key(email))
    consent.record(
        subscriber_id=made.id, purpose="marketing_email", act="granted", lawful_basis="consent", method="import",
        source="file", occurred_at=clock.now(), actor="import:1", evidence={"box": "ticked"}, ip="192.0.2.1",
    )  # fmt: skip
    return made


@pytest.mark.django_db(transaction=True)
def test_the_person_is_gone_and_the_ledger_whole(ledger_files: Any) -> None:
    person, other = make(), make("bob@example.test")
    number = erasure.erase(subscriber_id=person.id, actor=None, source="page")
    assert not Subscriber.objects.filter(id=person.id).exists()
    assert not Profile.objects.filter(subscriber_id=person.id).exists()
    assert list(ConsentPersonal.objects.values_list("subscriber_id", flat=True)) == [other.id]
    assert ConsentRecord.objects.get(id=number).act == "erased"
    assert Suppression.objects.get().reason == "erased"
    report = register.verify()
    assert (report.ok, report.erased, report.records) == (True, 2, 3)


@pytest.mark.django_db
def test_the_address_is_nowhere_in_the_database() -> None:
    person = make()
    job = ImportJob.objects.create(
        file="x", file_name="x", file_sha256=b"", mapping={"columns": [1], "sample": [[EMAIL.title()]]},
        preview={"new": 1, "sample": [{"email": EMAIL}]},
    )  # fmt: skip
    RefusedRow.objects.create(job=job, line=1, reason="x", row={"Mail": EMAIL.upper()})
    RefusedRow.objects.create(job=job, line=2, reason="x", row={"Mail": "else@example.test"})
    erasure.erase(subscriber_id=person.id, actor=None, source="page")
    with connection.cursor() as cursor:
        cursor.execute("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'")
        for (table,) in cursor.fetchall():
            cursor.execute(
                f'SELECT count(*) FROM "{table}" t WHERE position(%s IN lower(t::text)) > 0',  # noqa: S608 - the database's own names of tables
                [EMAIL],
            )
            assert cursor.fetchone() == (0,), table
    assert RefusedRow.objects.count() == 1
    job.refresh_from_db()
    assert (job.mapping, job.preview) == ({"columns": [1], "sample": []}, {"new": 1, "sample": []})
    assert AuditEntry.objects.filter(action="subscriber.erased").count() == 1


@pytest.mark.django_db
def test_whoever_signs_up_again_is_somebody_new_and_still_suppressed() -> None:
    erasure.erase(subscriber_id=make().id, actor=None, source="page")
    again = make()
    assert Profile.objects.get(subscriber_id=again.id).marketing_basis == "none"


@pytest.mark.django_db
def test_erasing_twice_is_refused_in_words() -> None:
    person = make()
    erasure.erase(subscriber_id=person.id, actor=None, source="page")
    with pytest.raises(erasure.NobodyToErase):
        erasure.erase(subscriber_id=person.id, actor=None, source="page")
