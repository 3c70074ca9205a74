"""An export proves itself with the public key alone, and names what was done to it."""

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from subscribers.ledger import export, keys, verify_export
from subscribers.ledger.report import Kind, Report

NAMES = {"csv": "register.csv", "json": "register.json"}


def check(path: Path, ledger: Any) -> Report:
    return verify_export.verify_export(path, ledger.signer.public_key)


def named(report: Report) -> list[tuple[Kind, int]]:
    return [(problem.kind, problem.record_id) for problem in report.problems if problem.record_id is not None]


def drop_row(number: int, form: str) -> Any:
    def edit(data: bytes) -> bytes:
        lines = data.decode().splitlines(keepends=True)
        mark = f"{number}," if form == "csv" else f'{{"id":"{number}"'
        return "".join(line for line in lines if not line.startswith(mark)).encode()

    return edit


@pytest.fixture(params=["csv", "json"])
def form(request: pytest.FixtureRequest) -> Any:
    return request.param


@pytest.fixture
def path(ledger: Any, form: Any, tmp_path: Path) -> Path:
    ledger.fill(3, 1, 8)
    found: Path = ledger.export(tmp_path / "register.zip", form)
    return found


def test_an_untouched_export_verifies(ledger: Any, path: Path) -> None:
    report = check(path, ledger)
    assert report.lines() == ["12 records (0 erased) in 3 blocks: every seal holds."]
    assert report.ok


def test_without_a_key_the_report_says_that_it_proves_less(path: Path) -> None:
    report = verify_export.verify_export(path)
    assert report.ok
    assert "Checked with the key inside the export" in report.notes[0]


@pytest.mark.parametrize("number", [1, 4, 12])
def test_a_changed_row_is_named(ledger: Any, path: Path, form: str, rewrite: Any, number: int) -> None:
    def edit(data: bytes) -> bytes:
        lines = data.decode().splitlines(keepends=True)
        mark = f"{number}," if form == "csv" else f'{{"id":"{number}"'
        return "".join(
            line.replace("granted", "refused") if line.startswith(mark) else line for line in lines
        ).encode()

    rewrite(path, NAMES[form], edit)
    assert named(check(path, ledger)) == [(Kind.CHANGED, number)]


@pytest.mark.parametrize("number", [1, 4, 11])
def test_a_removed_row_is_named(ledger: Any, path: Path, form: str, rewrite: Any, number: int) -> None:
    rewrite(path, NAMES[form], drop_row(number, form))
    assert named(check(path, ledger)) == [(Kind.REMOVED, number)]


def test_rows_cut_from_the_tail_are_named(ledger: Any, path: Path, form: str, rewrite: Any) -> None:
    for number in (11, 12):
        rewrite(path, NAMES[form], drop_row(number, form))
    assert named(check(path, ledger)) == [(Kind.CUT, 11), (Kind.CUT, 12)]


def test_rows_cut_together_with_their_proof_are_named(
    ledger: Any, path: Path, form: str, rewrite: Any
) -> None:
    for number in range(5, 13):
        rewrite(path, NAMES[form], drop_row(number, form))
    rewrite(path, export.BLOCKS, lambda data: b"".join(data.splitlines(keepends=True)[:2]))
    assert named(check(path, ledger)) == [(Kind.CUT, number) for number in range(5, 13)]


def test_an_added_row_is_named(ledger: Any, path: Path, form: str, rewrite: Any) -> None:
    def edit(data: bytes) -> bytes:
        text = data.decode()
        if form == "csv":
            line = text.splitlines(keepends=True)[1]
            return (text + line.replace("1,", "13,", 1)).encode()
        line = text.splitlines()[1]
        return text.replace("\n]", ",\n" + line.rstrip(",").replace('"1"', '"13"', 1) + "\n]").encode()

    rewrite(path, NAMES[form], edit)
    assert named(check(path, ledger)) == [(Kind.ADDED, 13)]


def test_a_row_given_twice_is_named(ledger: Any, path: Path, form: str, rewrite: Any) -> None:
    rewrite(
        path,
        NAMES[form],
        lambda data: data.replace(b"\n]", b"") + b"".join(data.splitlines(keepends=True)[1:2]),
    )
    assert (Kind.ADDED, 1) in named(check(path, ledger))


def test_a_changed_address_is_named(ledger: Any, path: Path, form: str, rewrite: Any) -> None:
    rewrite(path, NAMES[form], lambda data: data.replace(b"person7@", b"person8@"))
    report = check(path, ledger)
    assert named(report) == [(Kind.CHANGED, 7)]
    assert "the personal data of record 7 was changed" in report.lines()


def test_an_address_taken_out_is_not_an_erasure(ledger: Any, tmp_path: Path, rewrite: Any) -> None:
    ledger.fill(2)
    path = ledger.export(tmp_path / "x.zip")

    def edit(data: bytes) -> bytes:
        table = list(csv.reader(io.StringIO(data.decode(), newline="")))
        table[2][-4:] = ["", "", "", ""]
        out = io.StringIO(newline="")
        csv.writer(out).writerows(table)
        return out.getvalue().encode()

    rewrite(path, "register.csv", edit)
    assert "the personal data of record 2 was taken out" in check(path, ledger).lines()


def test_a_filtered_export_verifies_and_names_a_changed_row(
    ledger: Any, tmp_path: Path, rewrite: Any
) -> None:
    ledger.fill(5, 1, 9)
    path = ledger.export(tmp_path / "x.zip", chosen=lambda number: number % 3 == 0)
    assert check(path, ledger).ok
    rewrite(path, "register.csv", lambda data: data.replace(b"\r\n9,1,", b"\r\n9,2,"))
    assert named(check(path, ledger)) == [(Kind.CHANGED, 9)]


def test_an_empty_export_verifies(ledger: Any, tmp_path: Path, form: Any) -> None:
    ledger.fill(2)
    assert check(ledger.export(tmp_path / "x.zip", form, lambda _: False), ledger).ok


def test_a_rotated_key_is_followed_from_the_old_and_from_the_new_one(ledger: Any, tmp_path: Path) -> None:
    old = ledger.signer.public_key
    ledger.fill(2)
    ledger.rotate()
    ledger.fill(2)
    path = ledger.export(tmp_path / "x.zip")
    assert verify_export.verify_export(path, old).ok
    assert verify_export.verify_export(path, ledger.signer.public_key).ok


def test_a_foreign_key_is_refused(path: Path) -> None:
    report = verify_export.verify_export(path, keys.generate().public_key)
    assert "the export is signed by a key that yours does not lead to" in report.lines()


def test_a_forger_with_a_key_of_his_own_fails_against_ours(ledger: Any, path: Path, resign: Any) -> None:
    forger = keys.generate()

    def edit(manifest: dict[str, Any]) -> None:
        manifest["key_id"] = forger.key_id
        manifest["keys"] = [
            {"key_id": forger.key_id, "public_key": forger.public_key.hex(), "signed_by": "", "signature": ""}
        ]

    resign(path, edit, forger)
    assert not check(path, ledger).ok


def test_a_changed_manifest_is_noticed(ledger: Any, path: Path, rewrite: Any) -> None:
    rewrite(
        path, export.MANIFEST, lambda data: data.replace(b'"filters": {}', b'"filters": {"purpose": "x"}')
    )
    assert "the manifest was changed: its signature is wrong" in check(path, ledger).lines()


def test_a_changed_wording_is_noticed(ledger: Any, path: Path, rewrite: Any) -> None:
    rewrite(path, export.NOTICES, lambda data: data.replace(b"Yes", b"No"))
    assert "the wording marketing_email version 1 (en) was changed" in check(path, ledger).lines()


def test_a_removed_wording_is_noticed(ledger: Any, path: Path, rewrite: Any) -> None:
    rewrite(path, export.NOTICES, lambda _: b"[]")
    assert "record 1 names a wording that is not in the export" in check(path, ledger).lines()


def test_a_changed_seal_is_noticed(ledger: Any, path: Path, rewrite: Any) -> None:
    rewrite(
        path,
        export.BLOCKS,
        lambda data: data.replace(b'"first_id":4,', b'"first_id":4, ').replace(b"09:30", b"10:30", 1),
    )
    assert any("seal is not signed" in line for line in check(path, ledger).lines())


def test_a_forged_leaf_is_noticed(ledger: Any, path: Path, rewrite: Any) -> None:
    def edit(data: bytes) -> bytes:
        first = json.loads(data.splitlines()[0])
        return data.replace(first["leaves"][:64].encode(), b"0" * 64)

    rewrite(path, export.BLOCKS, edit)
    assert any("does not lead to the sealed root" in line for line in check(path, ledger).lines())


def test_a_row_that_cannot_be_read_is_named_by_its_line(
    ledger: Any, path: Path, form: str, rewrite: Any
) -> None:
    rewrite(
        path, NAMES[form], lambda data: data.replace(b"\n4,", b"\nfour,").replace(b'{"id":"4"', b'{"id":4')
    )
    report = check(path, ledger)
    assert any("of the register cannot be read" in line for line in report.lines())
    assert (Kind.REMOVED, 4) in named(report)


def test_rows_in_another_order_are_genuine_but_the_file_is_not(
    ledger: Any, tmp_path: Path, rewrite: Any
) -> None:
    ledger.fill(3)
    path = ledger.export(tmp_path / "x.zip")

    def edit(data: bytes) -> bytes:
        head, *rest = data.splitlines(keepends=True)
        return head + b"".join(reversed(rest))

    rewrite(path, "register.csv", edit)
    report = check(path, ledger)
    assert named(report) == []
    assert [problem.text for problem in report.problems] == ["register.csv is not the file that was signed"]


def test_a_folder_into_which_it_was_unpacked_verifies_too(
    ledger: Any, path: Path, form: str, tmp_path: Path
) -> None:
    shutil.unpack_archive(path, tmp_path / "folder")
    assert check(tmp_path / "folder", ledger).ok
    assert check(tmp_path / "folder" / NAMES[form], ledger).ok


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04 broken", b"not a zip"])
def test_something_else_is_refused_in_words(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    report = verify_export.verify_export(path)
    assert not report.ok


def test_a_truncated_zip_is_refused_in_words(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])
    assert not verify_export.verify_export(path).ok


def test_a_missing_file_is_refused_in_words(tmp_path: Path) -> None:
    assert verify_export.verify_export(tmp_path / "none.zip").problems[0].text == "none.zip is missing"


@pytest.mark.parametrize("name", [export.MANIFEST, export.SIGNATURE, export.BLOCKS, export.NOTICES])
@pytest.mark.parametrize("data", [b"", b"[]", b'"x"', b"{}", b"\xff", b"null\n"])
def test_nonsense_inside_never_crashes(ledger: Any, path: Path, rewrite: Any, name: str, data: bytes) -> None:
    rewrite(path, name, lambda _: data)
    assert not check(path, ledger).ok
