"""Groups of facts, their fingerprint, and what moved between two of them."""

import pytest

from mailplatform.accounts.papers import facts
from mailplatform.accounts.papers.facts import Fact, Facts


def test_only_the_named_groups_are_seen() -> None:
    all_of_them = Facts({"a": [Fact("x", "X", "1")], "b": []})
    with pytest.raises(facts.UnknownGroup):
        all_of_them.only(["a"]).group("b")
    with pytest.raises(facts.UnknownGroup):
        all_of_them.group("c")


def test_figures_are_in_no_fingerprint() -> None:
    def of(*given: Fact) -> str:
        return facts.fingerprint(facts.snapshot(Facts({"a": given}), ["a"]))

    assert of(Fact("x", "X", "1"), Fact("n", "N", "5", is_setting=False)) == of(Fact("x", "Other label", "1"))
    assert of(Fact("x", "X", "1")) != of(Fact("x", "X", "2"))


def test_changes_are_said() -> None:
    before = {"a": ["A", "1"], "b": ["B", ""], "c": ["C", "x"]}
    now = {"a": ["A", "2"], "b": ["B", ""], "d": ["D", "y" * 100]}
    assert facts.changes(before, now) == ["A: 1 → 2", "C: x (gone)", f"D: {'y' * 79}… (new)"]


def test_many_changes_are_cut_short() -> None:
    now = {str(number): [str(number), "x"] for number in range(20)}
    assert facts.changes({}, now)[-1] == "and 8 more"
