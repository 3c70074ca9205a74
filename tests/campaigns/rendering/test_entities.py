"""Character references in an attribute's value, as browsers read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.rendering.data import escape_html
from campaigns.rendering.entities import attribute_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("https://x.example/?a=1&amp;b=2", "https://x.example/?a=1&b=2"),
        ("https://x.example/?a=1&b=2", "https://x.example/?a=1&b=2"),
        # Written with a bare ampersand, as most links are: no sign comes of it.
        ("?a=1&region=eu&copy=2&times=3&lt=4", "?a=1&region=eu&copy=2&times=3&lt=4"),
        ("?a=1&amp=2", "?a=1&amp=2"),
        ("Fish &amp Chips &copy", "Fish & Chips ©"),
        ("&#38;&#x26;&#38", "&&&"),
        ("&nothing; &region;", "&nothing; &region;"),
        ("&auml;&quot;&#x27;", "ä\"'"),
        ("&&&;&#;&#x;", "&&&;&#;&#x;"),
    ],
)
def test_as_browsers_do(value: str, text: str) -> None:
    assert attribute_text(value) == text


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"])))
def test_what_we_escape_reads_as_it_was(text: str) -> None:
    assert attribute_text(escape_html(text)) == text
