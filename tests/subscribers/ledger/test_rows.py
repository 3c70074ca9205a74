"""Rows survive CSV and JSON unchanged, and a spreadsheet runs nothing that stands in them."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.ledger import rows
from subscribers.ledger.encoding import Record, commitment
from subscribers.ledger.rows import Row, RowError

# Postgres stores neither NUL nor surrogates.
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


def row(*texts: str, number: str = "1", email: str = "", evidence: str = "") -> Row:
    filled = [number, *texts, *[""] * 17][: len(Record._fields)]
    return Row(Record(*filled), email, "", evidence, "00")


def written(form: str, *given_rows: Row) -> str:
    file, lines = rows.FORMS[form](), [rows.csv_line(given) for given in given_rows]
    return (file.head() + b"".join(file.body([line]) for line in lines) + file.tail()).decode()


def read(form: str, text: str) -> list[Any]:
    file = io.StringIO(text.removeprefix("\ufeff"), newline="")
    return [found for _, found in rows.READERS[form](file)]


@pytest.mark.parametrize("form", ["csv", "json"])
@given(st.lists(TEXT, max_size=17), TEXT)
def test_every_text_reads_back(form: str, texts: list[str], email: str) -> None:
    one = row(*texts, email=email, evidence='{"a":"=1+1"}')
    assert read(form, written(form, one, one)) == [one, one]
    assert list(rows.parse([rows.csv_line(one)] * 2)) == [one, one]


@pytest.mark.parametrize(
    "cell",
    [
        "=cmd()",
        "+1",
        "-1",
        "@SUM(A1)",
        "\tx",
        "\rx",
        "\nx",
        "'=1",
        "\uff1d1",  # the full-width forms of = + - @
        "\uff0b1",
        "\uff0d1",
        "\uff201",
        "'",
        "=cmd|' /C calc'!A0",
    ],
)
def test_no_cell_is_a_formula(cell: str) -> None:
    text = written("csv", row(cell, email=cell))
    table = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline="")))
    assert table[1][1] == table[1][18] == f"'{cell}"
    assert read("csv", text) == [row(cell, email=cell)]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_an_empty_register_reads_back(form: str) -> None:
    assert read(form, written(form)) == []


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("csv", "a,b\r\n1,2\r\n"),
        ("csv", ",".join(rows.COLUMNS) + "\r\n1,2\r\n"),
        ("csv", ",".join(rows.COLUMNS) + "\r\n" + "x," * 21 + "x\r\n"),
        ("csv", ",".join(rows.COLUMNS) + '\r\n"1'),
        ("json", '[\n{"id":1}\n]'),
        ("json", "[\nnonsense\n]"),
        ("json", "[\n[1]\n]"),
        ("json", "[\n" + "[" * 100_000 + "\n]"),
    ],
)
def test_what_cannot_be_read_is_said(form: str, text: str) -> None:
    assert [type(found) for found in read(form, text)] == [RowError]


def test_a_row_keeps_its_commitment_or_not() -> None:
    salt = bytes(32)
    text = rows.personal_text("ada@example.test", "192.0.2.0", '{"order":"1"}')
    assert text == '{"email":"ada@example.test","evidence":{"order":"1"},"ip":"192.0.2.0"}'
    texts = [*["1"] * 17, commitment(salt, text).hex()]
    record = Record(*texts)
    honest = Row(record, "ada@example.test", "192.0.2.0", '{"order":"1"}', salt.hex())
    assert honest.keeps_its_commitment()
    for changed in (
        Row(record, "eve@example.test", "192.0.2.0", '{"order":"1"}', salt.hex()),
        Row(record, "ada@example.test", "192.0.2.0", '{"order":"2"}', salt.hex()),
        Row(record, "ada@example.test", "192.0.2.0", "not json", salt.hex()),
        Row(record, "ada@example.test", "192.0.2.0", '{"order":"1"}', "zz"),
        Row(record, "ada@example.test", "192.0.2.0", '{"order":"1"}', ""),
    ):
        assert not changed.keeps_its_commitment()
