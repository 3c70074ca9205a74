"""The command names what was done behind our back: in the database, and in an altered export."""

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from mailplatform.core import clock
from mailplatform.core.keys import email_key
from subscribers.ledger import keys
from subscribers.models import SigningKey, Subscriber
from subscribers.selectors.register import Filters
from subscribers.services import consent, register

ROOT = Path(__file__).resolve().parents[4]
COPY_ROW = """
    INSERT INTO subscribers_consentrecord SELECT 7, schema_version, subject, purpose, act, lawful_basis, method,
        notice_hash, notice_version, language, form, page, source, actor, confirms, occurred_at, recorded_at,
        commitment FROM subscribers_consentrecord WHERE id = 6
"""
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "owner"])


@pytest.fixture
def ledger(settings: Any, tmp_path: Path) -> None:
    settings.LEDGER_KEY_FILE = str(tmp_path / "ledger.pem")
    settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "ledger.jsonl")
    people = [
        Subscriber.objects.create(email=f"p{n}@example.test", email_key=email_key(f"p{n}@example.test"))
        for n in range(6)
    ]
    for chunk in (people[:4], people[4:5], people[5:]):
        consent.record_many(
            entries=[
                consent.ConsentEntry(
                    subscriber_id=person.id, purpose="marketing_email", act="granted", lawful_basis="consent",
                    method="import", source="file", occurred_at=clock.now(), actor="import:1",
                    evidence={"box": "ticked"},
                )
                for person in chunk
            ]
        )  # fmt: skip


@pytest.fixture
def tamper(ledger: None) -> Callable[..., None]:
    """Change the ledger as only somebody who owns the database can: by lifting its triggers."""
    owner = connections["owner"]
    owner.settings_dict["NAME"] = connection.settings_dict["NAME"]
    owner.close()
    tables = ("consentrecord", "consentblock", "consentnotice", "signingkey")

    def run(*statements: str) -> None:
        with owner.cursor() as cursor:
            for table in tables:
                cursor.execute(f"ALTER TABLE subscribers_{table} DISABLE TRIGGER append_only")
            for statement in statements:
                cursor.execute(statement)
            for table in tables:
                cursor.execute(f"ALTER TABLE subscribers_{table} ENABLE ALWAYS TRIGGER append_only")

    return run


def run(*arguments: str) -> tuple[int, list[str]]:
    out = io.StringIO()
    try:
        call_command("verify_register", *arguments, stdout=out, stderr=out)
    except CommandError as error:
        return error.returncode, [*out.getvalue().splitlines(), str(error)]
    return 0, out.getvalue().splitlines()


def test_the_ledger_as_it_was_written_is_whole(ledger: None) -> None:
    code, lines = run()
    assert code == 0
    assert lines[-2:] == [
        "6 records (0 erased) in 3 blocks: every seal holds.", "The register is as it was written.",
    ]  # fmt: skip


@pytest.mark.parametrize("number", [2, 5, 6])
def test_a_changed_row_is_named(tamper: Any, number: int) -> None:
    tamper(f"UPDATE subscribers_consentrecord SET act = 'refused' WHERE id = {number}")  # noqa: S608 - a number of ours
    code, lines = run()
    assert (code, lines[0], lines[-1]) == (
        1, f"record {number} was changed", "The register is NOT as it was written.",
    )  # fmt: skip


@pytest.mark.parametrize("number", [2, 5])
def test_a_removed_row_is_named(tamper: Any, number: int) -> None:
    tamper(f"DELETE FROM subscribers_consentrecord WHERE id = {number}")  # noqa: S608 - a number of ours
    code, lines = run()
    assert (code, lines[0]) == (1, f"record {number} was removed")


def test_a_row_cut_from_the_tail_is_named(tamper: Any) -> None:
    tamper("DELETE FROM subscribers_consentrecord WHERE id = 6")
    assert run()[1][0] == "record 6 was removed"
    tamper("DELETE FROM subscribers_consentblock WHERE number = 3")
    code, lines = run()
    assert (code, lines[0]) == (1, "record 6 was cut from the tail")


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE subscribers_consentpersonal SET email = 'eve@example.test' WHERE record_id = 3",
         "the personal data of record 3 was changed"),
        ("DELETE FROM subscribers_consentpersonal WHERE record_id = 3",
         "the personal data of record 3 was taken out without an erasure"),
        ("UPDATE subscribers_consentblock SET sealed_at = sealed_at + interval '1 day' WHERE number = 2",
         "block 2 (records 5 to 5): its seal is not signed by a key of the ledger"),
        ("UPDATE subscribers_consentblock SET signature = '\\x00' WHERE number = 2",
         "block 2 (records 5 to 5): its seal is not signed by a key of the ledger"),
        ("DELETE FROM subscribers_signingkey",
         "block 1 (records 1 to 4): its seal is not signed by a key of the ledger"),
        (COPY_ROW, "record 7 was added: no block seals it"),
    ],
)  # fmt: skip
def test_other_tampering_is_named_too(tamper: Any, statement: str, words: str) -> None:
    tamper(statement)
    code, lines = run()
    assert code == 1
    assert words in lines


def test_a_lost_checkpoint_file_is_said(ledger: None, settings: Any) -> None:
    Path(settings.LEDGER_CHECKPOINT_FILE).unlink()
    code, lines = run()
    assert code == 1
    assert lines[0].startswith("there is no checkpoint")


def test_a_rotated_key_is_followed(ledger: None) -> None:
    call_command("rotate_ledger_key", stdout=io.StringIO())
    assert run()[0] == 0
    assert SigningKey.objects.count() == 2


@pytest.fixture(params=["csv", "json"])
def exported(request: pytest.FixtureRequest, ledger: None, tmp_path: Path) -> Path:
    path = tmp_path / "register.zip"
    with path.open("wb") as file:
        register.export_register(filters=Filters(), form=request.param, target=file, actor=None)
    return path


def alter(path: Path, change: Callable[[bytes], bytes]) -> None:
    with zipfile.ZipFile(path) as old:
        files = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, data in files.items():
            new.writestr(name, change(data) if name.startswith("register.") else data)


def pem(tmp_path: Path) -> str:
    path = tmp_path / "trusted.pem"
    path.write_text(keys.public_pem(bytes(SigningKey.objects.get().public_key)))
    return str(path)


def test_an_export_is_whole(exported: Path, tmp_path: Path) -> None:
    code, lines = run(str(exported), "--public-key", pem(tmp_path))
    assert (code, lines[-1]) == (0, "The register is as it was written.")
    assert run(str(exported), "--public-key", bytes(SigningKey.objects.get().public_key).hex())[0] == 0
    assert run(str(exported))[0] == 0


def test_an_altered_export_names_the_row(exported: Path, tmp_path: Path) -> None:
    alter(exported, lambda data: data.replace(b"p2@example.test", b"q2@example.test"))
    code, lines = run(str(exported), "--public-key", pem(tmp_path))
    assert code == 1
    assert "the personal data of record 3 was changed" in lines


def test_a_cut_export_names_the_row(exported: Path, tmp_path: Path) -> None:
    def cut(data: bytes) -> bytes:
        return b"".join(line for line in data.splitlines(keepends=True) if b"p5@example.test" not in line)

    alter(exported, cut)
    code, lines = run(str(exported), "--public-key", pem(tmp_path))
    assert code == 1
    assert "record 6 was cut from the tail" in lines


@pytest.mark.parametrize("given", ["nonsense", "00ff"])
def test_a_key_that_is_none_is_refused_in_words(exported: Path, given: str) -> None:
    code, lines = run(str(exported), "--public-key", given)
    assert code == 1
    assert lines[-1].startswith("--public-key:")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    code, lines = run(str(tmp_path / "none.zip"))
    assert (code, lines[0]) == (1, "none.zip is missing")


def test_a_file_needs_no_database(exported: Path, tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    result = subprocess.run(
        [sys.executable, "manage.py", "verify_register", str(exported), "--public-key", pem(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": nowhere, "DATABASE_OWNER_URL": nowhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stdout.splitlines()[-1]) == (0, "The register is as it was written.")


def test_a_database_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    result = subprocess.run(
        [sys.executable, "manage.py", "verify_register"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": nowhere, "DATABASE_OWNER_URL": nowhere},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert "The database cannot be read" in result.stderr
