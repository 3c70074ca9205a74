"""Six languages say the same: no message and no place in one is missing in another."""

from string import Formatter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers import words


def places(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_every_language_has_every_message_with_the_same_places(language: str) -> None:
    english, other = words.CATALOGUES["en"], words.CATALOGUES[language]
    assert english.keys() == other.keys()
    assert {key: places(text) for key, text in english.items()} == {
        key: places(text) for key, text in other.items()
    }
    assert all(text.strip() for text in other.values())


@pytest.mark.parametrize(
    ("wishes", "chosen"),
    [(["de-AT"], "de"), (["pt_BR", "fr"], "fr"), (["", "xx"], "en"), (["NL"], "nl"), ([], "en")],
)
def test_the_first_language_that_is_spoken_is_chosen(wishes: list[str], chosen: str) -> None:
    assert words.choose(*wishes) == chosen


def test_a_form_without_english_falls_back_on_what_it_speaks() -> None:
    assert words.choose("en", among=["it", "fr"]) == "it"


def test_a_browsers_languages_are_read_by_their_weight() -> None:
    assert words.accepted("fr-CH, fr;q=0.9, en;q=0.8, de;q=0.95, *;q=0.5, it;q=0") == ["fr", "de", "fr", "en"]


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    assert words.choose(*words.accepted(header)) in words.LANGUAGES
