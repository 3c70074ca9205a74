import io
import tracemalloc
from typing import Any

import pytest

from subscribers.importing.errors import FileRefusedError
from subscribers.importing.reading import open_table


def test_a_latin_1_file_with_semicolons() -> None:
    stream = io.BytesIO("E-Mail;Vorname\r\nann@example.com;Jürgen\r\n".encode("latin-1"))
    with open_table(stream) as (table, dialect):
        assert (dialect.encoding, dialect.delimiter) == ("cp1252", ";")
        assert [record.cells for record in table.records] == [["ann@example.com", "Jürgen"]]
    assert not stream.closed


def test_utf_16_with_tabs() -> None:
    with open_table(io.BytesIO("email\tname\na@b.co\tÅsa\n".encode("utf-16"))) as (table, _):
        assert [record.cells for record in table.records] == [["a@b.co", "Åsa"]]


def test_an_empty_file() -> None:
    with pytest.raises(FileRefusedError, match="empty"), open_table(io.BytesIO(b"")):
        pass


@pytest.mark.parametrize(
    "row", [b"person@example.com,Somebody,new_customers\n", b'{"email": "a@b.co", "n": "Somebody"},\n']
)
def test_memory_stays_flat(row: Any) -> None:
    head, tail = (b"[", b"{}]") if row.startswith(b"{") else (b"email,name,segment\n", b"")
    data = head + row * 60_000 + tail
    tracemalloc.start()
    with open_table(io.BytesIO(data)) as (table, _):
        assert sum(1 for _ in table.records) >= 60_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000
