"""Compact sets of record numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.ledger import ranges

NUMBERS = st.sets(st.integers(1, 200)).map(sorted)


@given(NUMBERS)
def test_a_set_reads_back_and_knows_its_members(numbers: list[int]) -> None:
    made = ranges.Ranges(numbers)
    read = ranges.parse(str(made))
    for found in (made, read):
        assert list(found) == numbers
        assert found.count == len(numbers)
        assert found.last == max(numbers, default=0)
        assert [found.place(number) for number in numbers] == list(range(len(numbers)))
        assert all((number in found) == (number in numbers) for number in range(202))


@given(NUMBERS, st.integers(0, 200))
def test_many_are_added_as_one_by_one(numbers: list[int], middle: int) -> None:
    made = ranges.Ranges()
    made.add_all([number for number in numbers if number <= middle])
    made.add_all([number for number in numbers if number > middle])
    assert (str(made), made.count) == (str(ranges.Ranges(numbers)), len(numbers))


def test_it_is_compact() -> None:
    assert str(ranges.Ranges([1, 2, 3, 5, 8, 9])) == "1-3,5,8-9"
    assert str(ranges.Ranges()) == ""


@pytest.mark.parametrize("text", ["x", "1-", "-", "3-1", "2,1", "1,1", "1-5,3", "1-99999999999999", "1--2"])
def test_what_is_no_set_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - int() has words of its own
        ranges.parse(text)


def test_more_than_the_limit_is_refused_before_it_costs_anything() -> None:
    with pytest.raises(ValueError, match="not a range"):
        ranges.parse("1-100", limit=50)


def test_numbers_come_in_order() -> None:
    with pytest.raises(ValueError, match="does not follow"):
        ranges.Ranges([2, 1])
