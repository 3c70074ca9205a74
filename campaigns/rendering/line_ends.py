"""Line ends of a source that went through a browser, whose text fields turn each of them into their own."""

import re
from collections import Counter
from itertools import takewhile

_END = re.compile(r"(\r\n|\r|\n)")


def as_stored(typed: str, stored: str) -> str:
    """What was typed, with the line ends of what was stored before: those of unchanged lines, else the usual one.

    Lines count as unchanged at the beginning and at the end of the text, up to the first and the last difference.
    """
    plain = _END.sub("\n", typed)
    if "\r" not in stored:
        return plain
    new = plain.split("\n")
    pieces = _END.split(stored)
    old, ends = pieces[::2], pieces[1::2]
    first = min(_alike(old, new), len(new) - 1, len(ends))
    last = min(_alike(old[::-1], new[::-1]), len(new) - 1 - first, len(ends))
    usual = Counter(ends).most_common(1)[0][0]
    middle = [usual] * (len(new) - 1 - first - last)
    kept = [*ends[:first], *middle, *ends[len(ends) - last :], ""]
    written = "".join(line + end for line, end in zip(new, kept, strict=True))
    # The ends of two lines can make one: "\\r", nothing, "\\n".
    return written if _END.sub("\n", written) == plain else plain


def _alike(left: list[str], right: list[str]) -> int:
    """How many lines at the beginning are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(left, right, strict=False)))
