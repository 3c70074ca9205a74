import io
from typing import Any

import pytest

from subscribers.importing.errors import FileRefusedError
from subscribers.importing.sniffing import Dialect, guess_delimiter, sniff

TABLE = "E-Mail;Näme\nann@example.com;Jürgen\nbob@example.com;Łukasz\n"
WESTERN = "E-Mail;Näme\nann@example.com;Jürgen € “Ö”\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TABLE.encode(), "utf-8"),
        (TABLE.encode("utf-8-sig"), "utf-8-sig"),
        (TABLE.encode("utf-16"), "utf-16"),
        (TABLE.encode("utf-16-le"), "utf-16-le"),
        (TABLE.encode("utf-16-be"), "utf-16-be"),
        (WESTERN.encode("cp1252"), "cp1252"),
        ("E-Mail;Näme\n".encode("latin-1"), "cp1252"),
        ("E-Mail;N\x81me\n".encode("latin-1"), "latin-1"),
    ],
)
def test_the_encoding_is_guessed(data: Any, encoding: Any) -> None:
    assert sniff(io.BytesIO(data)) == Dialect("csv", encoding, ";")


def test_a_late_foreign_byte_is_found_beyond_the_sample() -> None:
    data = b"email,name\n" + b"ann@example.com,Ann\n" * 200_000 + b"bob@example.com,J\xfcrgen\n"
    assert sniff(io.BytesIO(data)).encoding == "cp1252"


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_guessed(mark: Any) -> None:
    assert (
        guess_delimiter(
            f"email{mark}name{mark}city\na@b.co{mark}Ann, the first{mark}X\nc@d.co{mark}B{mark}Y\n"
        )
        == mark
    )


def test_a_single_column_is_taken_for_comma_separated() -> None:
    assert guess_delimiter("email\na@b.co\n") == ","


@pytest.mark.parametrize("data", [b'[{"email": 1}]', b'\n  {"email": 1}', '\ufeff[{"email": 1}]'.encode()])
def test_json_is_known_by_its_first_character(data: Any) -> None:
    assert sniff(io.BytesIO(data)).format == "json"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b" \r\n\t", "empty"),
        (b"\xef\xbb\xbf", "empty"),
        (b"PK\x03\x04rest", "not_a_table"),
        (b"%PDF-1.7", "not_a_table"),
        (b"\x1f\x8bzip", "not_a_table"),
        (b"\x00\x01\x02\xff" * 50, "binary"),
        ("name\nJürgen\nJürgen\nÖzil\n".encode() + b"J\xfcr\n", "broken_encoding"),
        ("name\nJürgen\nÖzil, Jür".encode() + b"\xc3", "broken_encoding"),
    ],
)
def test_what_is_no_table_is_refused(data: Any, code: Any) -> None:
    with pytest.raises(FileRefusedError) as error:
        sniff(io.BytesIO(data))
    assert error.value.code == code
    assert str(error.value).endswith(".")


@pytest.mark.parametrize(("chosen", "code"), [("utf-8", "wrong_encoding"), ("klingon", "unknown_encoding")])
def test_a_wrong_choice_of_encoding_is_refused(chosen: Any, code: Any) -> None:
    with pytest.raises(FileRefusedError) as error:
        sniff(io.BytesIO(b"email,name\na@b.co,J\xfcrgen\n"), encoding=chosen)
    assert error.value.code == code


def test_a_choice_overrules_the_guess() -> None:
    dialect = sniff(
        io.BytesIO("email;name\na@b.co;Łukasz\n".encode("cp1250")), encoding="cp1250", delimiter=","
    )
    assert dialect == Dialect("csv", "cp1250", ",")
