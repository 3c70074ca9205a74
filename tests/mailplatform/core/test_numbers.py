import pytest

from mailplatform.core.numbers import whole


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("42", 42), ("007", 7), ("9" * 18, 10**18 - 1),
        (None, 0), ("", 0), ("-1", 0), ("1.5", 0), (" 1", 0), ("x", 0), ("٣", 0), ("9" * 19, 0), ("9" * 5_000, 0),
    ],
)  # fmt: skip
def test_digits_are_a_number_and_all_else_is_none(text: str | None, number: int) -> None:
    assert whole(text) == number


def test_as_many_digits_as_are_allowed() -> None:
    assert (whole("123", digits=3), whole("1234", digits=3)) == (123, 0)
