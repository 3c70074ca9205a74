"""Blocks become Markdown and PDF in which no value is markup."""

import re
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailplatform.accounts.papers import facts, markdown, pdf
from mailplatform.accounts.papers.blocks import Block, Gap, Heading, Paper, Para, Points, Table, gaps
from mailplatform.accounts.papers.facts import Fact, Facts

NASTY = (
    '<script>alert(1)</script> | a*b* [x](javascript:1) ![y](z) `c` $z$ #eval("1") https://x.example \\ ~~d~~'
)


def paper(text: str) -> Paper:
    return Paper(
        key="x",
        title=text,
        made=[("Controller", text), ("Made", "now")],
        warnings=[text],
        blocks=[Heading(text), Para(text), Points([text]), Table(["A", "B"], [[text, Gap("what")]])],
        settings=Table(["Setting", "Value"], [["a", text]]),
        gaps=[Gap("what")],
    )


def test_markdown_escapes_everything() -> None:
    made = markdown.render(paper(NASTY))
    plain = re.sub(r"\\.", "", made)
    assert not re.search(r"[<`*_\[\]$~]|https?://", plain.replace("> ", "", 1))
    rows = [line for line in plain.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows} == {3}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1. one", "1\\. one"),
        ("12) two", "12\\) two"),
        ("- dash", "\\- dash"),
        ("# not a heading", "\\# not a heading"),
        ("=====", "\\====="),
        ("a\nb\x00c\u2028d", "a b c d"),
        ("www.example.org", "www\\.example.org"),
        ("2026-05-31", "2026-05-31"),
        ("Jo's (plain) text.", "Jo's (plain) text."),
    ],
)
def test_openings_and_controls(text: str, expected: str) -> None:
    assert markdown.escape(text) == expected


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=60))
def test_any_text_stays_one_cell(text: str) -> None:
    line = markdown.escape(text)
    assert "\n" not in line
    assert "|" not in re.sub(r"\\.", "", line)


@pytest.mark.parametrize("text", [NASTY, "Ελληνικά Български Żółć €", "日本語 \x00 العربية", ""])
def test_pdf_takes_any_text(text: str) -> None:
    made = pdf.render(paper(text))
    assert made.startswith(b"%PDF-")
    assert made.rstrip().endswith(b"%%EOF")


def test_pdf_is_tagged_and_names_its_title() -> None:
    made = pdf.render(paper("Ελληνικά"))
    streams = [
        made,
        *(_inflated(part) for part in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", made, re.DOTALL)),
    ]
    assert any(b"pdfuaid" in part for part in streams)


def _inflated(part: bytes) -> bytes:
    try:
        return zlib.decompress(part)
    except zlib.error:
        return b""


def test_a_row_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="another number of cells"):
        Table(["A", "B"], [["1"]])


def test_gaps_are_collected_once() -> None:
    blocks: list[Block] = [Para(Gap("a")), Points(["x", Gap("b")]), Table(["A"], [[Gap("a")]])]
    assert gaps(blocks) == ["[to be filled in: a]", "[to be filled in: b]"]


class TestFacts:
    def test_only_the_named_groups_are_seen(self) -> None:
        all_of_them = Facts({"a": [Fact("x", "X", "1")], "b": []})
        with pytest.raises(facts.UnknownGroup):
            all_of_them.only(["a"]).group("b")
        with pytest.raises(facts.UnknownGroup):
            all_of_them.group("c")

    def test_figures_are_in_no_fingerprint(self) -> None:
        def of(*given: Fact) -> str:
            return facts.fingerprint(facts.snapshot(Facts({"a": given}), ["a"]))

        assert of(Fact("x", "X", "1"), Fact("n", "N", "5", is_setting=False)) == of(
            Fact("x", "Other label", "1")
        )
        assert of(Fact("x", "X", "1")) != of(Fact("x", "X", "2"))

    def test_changes_are_said(self) -> None:
        before = {"a": ["A", "1"], "b": ["B", ""], "c": ["C", "x"]}
        now = {"a": ["A", "2"], "b": ["B", ""], "d": ["D", "y" * 100]}
        assert facts.changes(before, now) == ["A: 1 → 2", "C: x (gone)", f"D: {'y' * 79}… (new)"]

    def test_many_changes_are_cut_short(self) -> None:
        now = {str(number): [str(number), "x"] for number in range(20)}
        assert facts.changes({}, now)[-1] == "and 8 more"
