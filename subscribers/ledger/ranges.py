"""Sets of record numbers, written compactly: `1-5000,5003`."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence


class Ranges:
    """A growing set of whole numbers, added in ascending order; each has a place, counted from 0."""

    def __init__(self, numbers: Iterable[int] = ()) -> None:
        self._first: list[int] = []
        self._last: list[int] = []
        self._before: list[int] = []  # how many numbers stand before each range
        self.count = 0
        for number in numbers:
            self.add(number)

    def add(self, number: int) -> None:
        """Add a number above all others."""
        if self._last and number <= self._last[-1]:
            raise ValueError(f"{number} does not follow {self._last[-1]}")
        if self._last and number == self._last[-1] + 1:
            self._last[-1] = number
        else:
            self._first.append(number)
            self._last.append(number)
            self._before.append(self.count)
        self.count += 1

    def add_span(self, first: int, last: int) -> None:
        """Add all numbers from first to last, above all others, in one step."""
        self.add(first)
        self._last[-1] = last
        self.count += last - first

    def add_all(self, numbers: Sequence[int]) -> None:
        """Add ascending numbers above all others; neighbours in one step."""
        if numbers and numbers[-1] - numbers[0] == len(numbers) - 1:
            self.add_span(numbers[0], numbers[-1])
        else:
            for number in numbers:
                self.add(number)

    def place(self, number: int) -> int | None:
        """Return how many numbers stand before this one, or None where it is not in the set."""
        index = bisect_right(self._first, number) - 1
        if index < 0 or number > self._last[index]:
            return None
        return self._before[index] + number - self._first[index]

    @property
    def last(self) -> int:
        """Return the greatest number, or 0 for an empty set."""
        return self._last[-1] if self._last else 0

    def __contains__(self, number: int) -> bool:
        return self.place(number) is not None

    def spans(self) -> Iterator[tuple[int, int]]:
        """Return the first and the last of each row of neighbours."""
        return zip(self._first, self._last, strict=True)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.spans():
            yield from range(first, last + 1)

    def __str__(self) -> str:
        return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in self.spans())


def parse(text: str, *, limit: int = 2**31) -> Ranges:
    """Read what `str()` of a set gave; raise ValueError for anything else, or for over `limit` numbers."""
    ranges = Ranges()
    for part in filter(None, text.split(",")):
        first, dash, last = part.partition("-")
        start, end = int(first), int(last) if dash else int(first)
        if end < start or ranges.count + end - start >= limit:
            raise ValueError(f"not a range of records: {part!r}")
        ranges.add_span(start, end)
    return ranges
