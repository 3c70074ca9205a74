import pytest

from mailplatform.accounts.papers.blocks import Block, Gap, Para, Points, Table, gaps


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="another number of cells"):
        Table(["A", "B"], [["1"]])


def test_gaps_are_collected_once() -> None:
    blocks: list[Block] = [Para(Gap("a")), Points(["x", Gap("b")]), Table(["A"], [[Gap("a")]])]
    assert gaps(blocks) == ["[to be filled in: a]", "[to be filled in: b]"]
