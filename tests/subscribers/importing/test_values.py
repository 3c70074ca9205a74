from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from subscribers.importing import values
from subscribers.importing.values import ValueRefusedError


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("12", 12), ("-3", -3), ("1.5", 1.5), ("12,5", 12.5), ("1e3", 1000.0), (" 7 ", 7)],
)
def test_numbers(cell: Any, expected: Any) -> None:
    assert values.read_number(cell) == expected


@pytest.mark.parametrize(
    "cell", ["", "twelve", "1.234,5", "1,234,567", "NaN", "inf", "1_000", "0x1f", "=1+1"]
)
def test_what_is_no_number(cell: Any) -> None:
    with pytest.raises(ValueRefusedError, match="is not a number"):
        values.read_number(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [("yes", True), ("Ja", True), ("1", True), ("TRUE", True), ("no", False), ("nein", False), ("0", False)],
)
def test_yes_and_no(cell: Any, expected: Any) -> None:
    assert values.read_boolean(cell) is expected


@pytest.mark.parametrize("cell", ["maybe", "2", ""])
def test_neither_yes_nor_no(cell: Any) -> None:
    with pytest.raises(ValueRefusedError):
        values.read_boolean(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2025-03-04", "2025-03-04"),
        ("4.3.2025", "2025-03-04"),
        ("2025-03-04T10:00:00Z", "2025-03-04"),
        ("", ""),
    ],
)
def test_dates(cell: Any, expected: Any) -> None:
    assert values.read_date(cell) == expected


def test_dates_in_three_formats_in_one_column_are_one_day_or_refused_but_never_guessed() -> None:
    assert {values.read_date(cell) for cell in ("2025-03-04", "04.03.2025", "2025-03-04 10:00")} == {
        "2025-03-04"
    }
    with pytest.raises(ValueRefusedError, match="not a date such as 2025-12-31"):
        values.read_date("03/04/2025")


@pytest.mark.parametrize(
    "cell", ["03/04/2025", "2025-02-30", "31.2.2025", "yesterday", "0001-01-01", "9999-01-01", "2025"]
)
def test_what_is_no_date(cell: Any) -> None:
    with pytest.raises(ValueRefusedError):
        values.read_date(cell)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2025-03-04 10:30", datetime(2025, 3, 4, 10, 30, tzinfo=UTC)),
        ("2025-03-04T10:30:00+02:00", datetime(2025, 3, 4, 10, 30, tzinfo=timezone(timedelta(hours=2)))),
        ("04.03.2025 9:05", datetime(2025, 3, 4, 9, 5, tzinfo=UTC)),
    ],
)
def test_moments(cell: Any, expected: Any) -> None:
    assert values.read_moment(cell) == expected


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        (["books", "books", " home "], ["books", "home"]),
        ("books; home", ["books", "home"]),
        ("books, home", ["books", "home"]),
        ("a|b, c", ["a", "b, c"]),
        ("", []),
    ],
)
def test_several_values(cell: Any, expected: Any) -> None:
    assert values.read_list(cell) == expected


def test_formulas_stay_text_and_control_characters_go() -> None:
    assert values.read_text("=cmd()|' /C calc'!A0") == "=cmd()|' /C calc'!A0"
    assert values.read_text("a\x00b\ud800c\x1b") == "abc"


@pytest.mark.parametrize(
    ("read", "cell"),
    [(values.read_text, "x" * 5_001), (values.read_choice, "x" * 201), (values.read_list, ["x" * 201]),
     (values.read_list, [str(number) for number in range(101)])],
)  # fmt: skip
def test_what_is_too_long(read: Any, cell: Any) -> None:
    with pytest.raises(ValueRefusedError):
        read(cell)
