"""Exports of the live register verify offline, filtered or whole, and stand in the audit log."""

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.ledger import export, keys
from subscribers.ledger.report import Report
from subscribers.ledger.verify_export import verify_export
from subscribers.models import SigningKey, Subscriber
from subscribers.selectors import register as reading
from subscribers.selectors.register import Filters
from subscribers.services import consent, erasure, register, sealing
from tests.factories.accounts import AdminFactory

pytestmark = pytest.mark.django_db


def people(count: int) -> list[Subscriber]:
    made = [
        Subscriber(email=f"p{n}@example.test", email_key=email_key(f"p{n}@example.test"))
        for n in range(count)
    ]
    return Subscriber.objects.bulk_create(made)


def entry(person: Subscriber, act: str = "granted", **changes: Any) -> consent.ConsentEntry:
    fields: dict[str, Any] = {
        "subscriber_id": person.id, "purpose": "marketing_email", "act": act, "lawful_basis": "consent",
        "method": "import", "source": "=file.csv", "occurred_at": clock.now(), "actor": "import:1",
        "evidence": {"statement": "ticked", "row": 7},
    }  # fmt: skip
    return consent.ConsentEntry(**{**fields, **changes})


def exported(path: Path, filters: Filters | None = None, form: export.Format = "csv") -> tuple[int, Report]:
    with path.open("wb") as file:
        count = register.export_register(filters=filters or Filters(), form=form, target=file, actor=None)
    key = bytes(SigningKey.objects.earliest("created_at").public_key)
    return count, verify_export(path, key)


@pytest.fixture
def ledger(ledger_files: Any) -> list[Subscriber]:
    found = people(12)
    notice = consent.ensure_notice(purpose="marketing_email", text="Yes, send me news.")
    consent.record_many(entries=[entry(person, notice=notice) for person in found])
    consent.record_many(entries=[entry(person, purpose="open_tracking") for person in found[:5]])
    consent.record_many(entries=[entry(found[3], "withdrawn", source="run:1", lawful_basis="none")])
    return found


@pytest.mark.parametrize("form", ["csv", "json"])
def test_the_whole_register_verifies(ledger: Any, tmp_path: Path, form: Any) -> None:
    count, report = exported(tmp_path / "x.zip", form=form)
    assert (count, report.records, report.blocks, report.lines()) == (
        18, 18, 3, ["18 records (0 erased) in 3 blocks: every seal holds."],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        (Filters(purpose="open_tracking"), 5),
        (Filters(act="withdrawn"), 1),
        (Filters(lawful_basis="none"), 1),
        (Filters(source="run:"), 1),
        (Filters(source="nothing"), 0),
        (Filters(since=dt.date(2000, 1, 1), until=dt.date(2999, 1, 1)), 18),
        (Filters(until=dt.date(2000, 1, 1)), 0),
        (Filters(since=dt.date(2999, 1, 1)), 0),
        (Filters(until=dt.date.max), 18),
    ],
)
def test_a_part_of_it_verifies(ledger: Any, tmp_path: Path, filters: Filters, expected: int) -> None:
    count, report = exported(tmp_path / "x.zip", filters)
    assert (count, report.ok) == (expected, True)


def test_chunks_and_blocks_need_not_agree(
    ledger: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(register, "BLOCKS_AT_ONCE", 1)
    monkeypatch.setattr(register, "ROWS_AT_ONCE", 5)
    count, report = exported(tmp_path / "x.zip")
    assert (count, report.blocks, report.ok) == (18, 3, True)
    assert reading.verify().problems[0].text.startswith("there is no checkpoint")


def test_an_empty_register_can_be_exported(ledger_files: Any, tmp_path: Path) -> None:
    count, report = exported(tmp_path / "x.zip")
    assert (count, report.ok) == (0, True)


def test_erased_people_stand_in_it_without_a_name(ledger: Any, tmp_path: Path) -> None:
    erasure.erase(subscriber_id=ledger[0].id, actor=None, source="page")
    _, report = exported(tmp_path / "x.zip")
    assert (report.ok, report.erased) == (True, 3)


def test_an_export_stands_in_the_audit_log(ledger: Any, tmp_path: Path) -> None:
    admin = AdminFactory.create()
    with (tmp_path / "x.zip").open("wb") as file:
        register.export_register(filters=Filters(act="withdrawn"), form="json", target=file, actor=admin)
    found = AuditEntry.objects.get(action="register.exported")
    assert found.actor == admin
    assert found.detail == {"filters": {"act": "withdrawn"}, "form": "json", "records": 1, "head": 3}


def test_a_check_stands_in_the_audit_log(ledger: Any) -> None:
    register.verify_register(actor=None)
    assert AuditEntry.objects.get(action="register.verified").detail["records"] == 18


@pytest.mark.django_db(transaction=True)
def test_the_key_is_rotated_and_old_and_new_seals_verify(
    ledger: Any, ledger_files: Any, tmp_path: Path
) -> None:
    old = ledger_files.key.read_bytes()
    key = sealing.rotate_key()
    assert key.previous_key_id
    assert ledger_files.key.read_bytes() != old
    assert not ledger_files.key.with_name("ledger.pem.next").exists()
    consent.record_many(entries=[entry(ledger[0])])
    _, report = exported(tmp_path / "x.zip")
    assert report.ok
    assert register.verify_register(actor=None).ok


@pytest.mark.django_db(transaction=True)
def test_a_crash_in_the_middle_of_a_rotation_is_made_good(ledger: Any, ledger_files: Any) -> None:
    old = ledger_files.key.read_bytes()
    sealing.rotate_key()
    ledger_files.key.rename(ledger_files.key.with_name("ledger.pem.next"))  # as if the last step had not come
    ledger_files.key.write_bytes(old)
    ledger_files.key.chmod(0o600)
    consent.record_many(entries=[entry(ledger[0])])
    assert register.verify_register(actor=None).ok


def test_another_private_key_is_refused_in_words(ledger: Any, ledger_files: Any) -> None:
    ledger_files.key.unlink()
    with pytest.raises(keys.KeyFileError, match="cannot be read"):
        consent.record_many(entries=[entry(ledger[0])])
    keys.load_or_create(ledger_files.key)
    with pytest.raises(sealing.LedgerKeyError, match="but the ledger is signed with"):
        consent.record_many(entries=[entry(ledger[0])])
