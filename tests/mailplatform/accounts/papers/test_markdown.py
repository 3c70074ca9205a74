"""In Markdown no value is markup."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailplatform.accounts.papers import markdown
from tests.mailplatform.accounts.papers.nasty import NASTY, paper


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
