import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.rendering.line_ends import as_stored

TEXTS = st.text(st.sampled_from("ab\r\n"), max_size=12)


def by_browser(text: str) -> str:
    """What a form sends of a text that a page showed."""
    return "\r\n".join(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))


@given(TEXTS)
def test_what_was_not_changed_comes_back_byte_for_byte(stored: str) -> None:
    assert as_stored(by_browser(stored), stored) == stored


@given(TEXTS, TEXTS)
def test_words_are_those_that_were_typed(stored: str, typed: str) -> None:
    assert as_stored(typed, stored).splitlines() == by_browser(typed).splitlines()


@pytest.mark.parametrize(
    ("stored", "typed", "kept"),
    [
        ("a\r\nb\r\nc\n", "a\nB\nc\n", "a\r\nB\r\nc\n"),
        ("a\r\nb\nc", "a\nnew\nb\nc", "a\r\nnew\r\nb\nc"),
        ("a\r\nb\r\nc", "a\r\nc", "a\r\nc"),
        ("a\nb", "a\r\nB\r\nc", "a\nB\nc"),
        ("", "a\r\nb", "a\nb"),
        ("a\rb", "a\nb\nc", "a\rb\rc"),
    ],
)
def test_new_lines_end_as_most_others_do(stored: str, typed: str, kept: str) -> None:
    assert as_stored(typed, stored) == kept
