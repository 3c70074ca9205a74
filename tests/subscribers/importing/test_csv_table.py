import io
from typing import Any

import pytest

from subscribers.importing.csv_table import read_csv, unique_names
from subscribers.importing.errors import FileRefusedError


def read(text: str, delimiter: str = ",") -> Any:
    table = read_csv(io.StringIO(text, newline=""), delimiter)
    return table, list(table.records)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end(end: Any) -> None:
    table, records = read(end.join(["email,name", "a@b.co,Ann", "", "c@d.co,Bob", ""]))
    assert table.columns == ["email", "name"]
    assert [record.cells for record in records] == [["a@b.co", "Ann"], ["c@d.co", "Bob"]]
    assert table.warnings == []


def test_lines_are_counted_through_quoted_line_ends() -> None:
    _, records = read('email,name\na@b.co,"Ann\nLee"\n\nc@d.co,Bob\n')
    assert [record.line for record in records] == [2, 5]


def test_short_rows_are_filled_and_long_ones_refused() -> None:
    _, records = read("email,name\na@b.co\nc@d.co,Bob,extra\ne@f.co,Eve,,\n")
    assert records[0].cells == ["a@b.co", ""]
    assert records[1].problem == "the row has 3 cells where the header has 2"
    assert records[2].problem == ""


def test_a_row_cut_off_at_the_end_is_refused_and_the_file_warned_about() -> None:
    table, records = read("email,name\na@b.co,Ann\nc@d.c")
    assert records[1].problem == "the file ends in the middle of this row"
    assert "no line end" in table.warnings[0]


@pytest.mark.parametrize("cell", ["x" * 10_000_000, '"' + "x" * 10_000_000 + '"', "x" * 200_000])
def test_a_monstrous_cell_costs_only_its_row(cell: Any) -> None:
    _, records = read(f"email,name\na@b.co,{cell}\nc@d.co,Bob\n")
    assert records[0].problem == "the row holds a cell that is too large"
    assert sum(map(len, records[0].cells)) < 1_000
    assert records[1].cells == ["c@d.co", "Bob"]


def test_a_monstrous_cell_over_many_lines_refuses_the_file() -> None:
    with pytest.raises(FileRefusedError, match="line 3") as error:
        read('email,name\na@b.co,Ann\nc@d.co,"' + "x\n" * 200_000 + '"\n')
    assert error.value.code == "broken_quotes"


def test_a_quote_that_never_ends_names_its_line() -> None:
    with pytest.raises(FileRefusedError, match="begins in the row at line 3") as error:
        read('email,name\na@b.co,Ann\nc@d.co,"Bob\ne@f.co,Eve\n')
    assert error.value.code == "truncated"


def test_broken_quotes_inside_a_row_cost_only_the_row() -> None:
    _, records = read('email,name\na@b.co,"An"n\nc@d.co,Bob\n')
    assert records[0].problem == "the quotation marks of this row are broken"
    assert records[1].cells == ["c@d.co", "Bob"]


def test_broken_quotes_that_may_swallow_rows_refuse_the_file() -> None:
    with pytest.raises(FileRefusedError, match="line 2"):
        read('email,name\na@b.co,"An"n"\nc@d.co,Bob\n')


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (",".join(f"c{number}" for number in range(300)), "too_many_columns"),
        ("ann@example.com,Ann\nbob@example.com,Bob\n", "no_header"),
        ("\n\n , \n", "empty"),
        ('email,"na"me\n', "bad_header"),
    ],
)
def test_unusable_headers(text: Any, code: Any) -> None:
    with pytest.raises(FileRefusedError) as error:
        read(text)
    assert error.value.code == code


def test_column_names_are_made_distinct() -> None:
    assert unique_names(["city", "", "city", " a\x00b "]) == ["city", "Column 2", "city (2)", "ab"]


def test_zero_bytes_vanish() -> None:
    _, records = read("email,name\na@b.co,A\x00nn\n")
    assert records[0].cells == ["a@b.co", "Ann"]
