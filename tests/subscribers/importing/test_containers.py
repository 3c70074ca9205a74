"""Workbooks and archives: read as tables, or refused with words before they can do harm."""

import datetime as dt
import io
import zipfile

import pytest

from subscribers.importing import containers
from subscribers.importing.containers import cell_text
from subscribers.importing.errors import FileRefusedError
from subscribers.importing.reading import open_table
from tests.factories.workbooks import Cell, archive, workbook

CSV = "email;name\nann@example.com;Jürgen\n"


def read(data: bytes, **options: str) -> tuple[list[str], list[list[object]]]:
    with open_table(io.BytesIO(data), **options) as (table, _):  # type: ignore[arg-type]
        return table.columns, [list(record.cells) for record in table.records]


def refusal(data: bytes) -> FileRefusedError:
    with pytest.raises(FileRefusedError) as caught:
        read(data)
    return caught.value


def test_a_workbook_is_read_with_the_values_of_its_formulas() -> None:
    rows: list[list[Cell]] = [
        ["email", "name", "n"],
        ["ann@example.com", "=CONCAT(A1)→Ann", 3],
        ["bob@example.com", None, 2.5],
    ]
    columns, found = read(workbook({"People": rows}))
    assert columns == ["email", "name", "n"]
    assert found == [["ann@example.com", "Ann", "3"], ["bob@example.com", "", "2.5"]]


def test_a_sheet_can_be_chosen_and_the_first_filled_one_is_the_guess() -> None:
    data = workbook({"Empty": [], "One": [["email"], ["a@b.co"]], "Two": [["mail"], ["c@d.co"]]})
    with open_table(io.BytesIO(data)) as (table, dialect):
        assert (dialect.container, dialect.sheet, dialect.sheets) == ("xlsx", "One", ["Empty", "One", "Two"])
        assert table.columns == ["email"]
    assert read(data, sheet="Two")[0] == ["mail"]
    assert read(data, sheet="Gone")[0] == ["email"]


def test_lines_are_the_rows_of_the_sheet() -> None:
    data = workbook({"S": [["email", "note"], ["a@b.co", "two\nlines"], ["c@d.co", ""]]})
    with open_table(io.BytesIO(data)) as (table, _):
        assert [record.line for record in table.records] == [2, 3]


def test_an_archive_of_one_csv_is_read() -> None:
    data = archive({"export/people.csv": CSV.encode("latin-1"), "__MACOSX/._people.csv": b"x"})
    assert read(data) == (["email", "name"], [["ann@example.com", "Jürgen"]])


@pytest.mark.parametrize("name", ["../people.csv", "/etc/people.csv", "a/../../people.csv", "C:\\people.csv"])
def test_path_tricks_are_refused(name: str) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        info = zipfile.ZipInfo("x")
        info.filename = name
        made.writestr(info, CSV)
    assert refusal(target.getvalue()).code == "path_trick"


def test_a_link_in_an_archive_is_refused() -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as made:
        info = zipfile.ZipInfo("people.csv")
        info.external_attr = 0o120777 << 16
        made.writestr(info, "/etc/passwd")
    assert refusal(target.getvalue()).code == "path_trick"


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    data = archive({"people.csv": b"email\n" + b"0" * 60_000_000})
    assert len(data) < 100_000
    assert refusal(data).code == "zip_bomb"


def test_a_workbook_that_is_a_bomb_is_refused() -> None:
    parts: dict[str, bytes | str] = {
        "[Content_Types].xml": "",
        "xl/workbook.xml": "",
        "xl/sharedStrings.xml": b" " * 60_000_000,
    }
    assert refusal(archive(parts)).code == "zip_bomb"


def test_what_unpacks_to_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_UNPACKED", 20)
    assert refusal(archive({"people.csv": CSV})).code == "too_large"


def test_a_cell_at_the_far_corner_of_a_sheet_is_refused() -> None:
    error = refusal(workbook({"S": [["email"], ["a@b.co"]]}, far_cell="XFD1048576"))
    assert error.code == "too_large"
    assert "row 1,048,576 and column 16,384" in error.message


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"a.csv": CSV, "b.csv": CSV}, "not_one_file"),
        ({"a.exe": "MZ"}, "not_one_file"),
        ({"inner.csv": archive({"a.csv": CSV})}, "not_a_table"),
        ({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}, "not_a_table"),
        ({"[Content_Types].xml": "", "word/document.xml": ""}, "not_a_table"),
        ({"[Content_Types].xml": "", "xl/workbook.xml": "no workbook"}, "broken_workbook"),
    ],
)
def test_what_is_no_table_is_refused_with_words(files: dict[str, bytes | str], code: str) -> None:
    assert refusal(archive(files)).code == code


def test_half_an_archive_and_half_a_workbook() -> None:
    for data in (archive({"people.csv": CSV}), workbook({"S": [["email"], ["a@b.co"]]})):
        assert refusal(data[: len(data) // 2]).code == "broken_zip"


def test_five_thousand_columns() -> None:
    data = (",".join(f"c{number}" for number in range(5_000)) + "\n").encode()
    for each in (data, archive({"a.csv": data})):
        error = refusal(each)
        assert error.code == "too_many_columns"
        assert "5000 columns" in error.message


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "yes"), (3.0, "3"), (0.5, "0.5"), (1e20, "1e+20"), ("a\nb", "a b"), (dt.date(2025, 1, 2), "2025-01-02"),
     (dt.datetime.fromisoformat("2025-01-02"), "2025-01-02"),
     (dt.datetime.fromisoformat("2025-01-02 03:04"), "2025-01-02 03:04:00")],
)  # fmt: skip
def test_cells_become_the_text_of_a_csv(value: object, text: str) -> None:
    assert cell_text(value) == text
