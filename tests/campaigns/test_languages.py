import pytest

from campaigns.languages import CHOICES, InvalidLanguage, choose, covers, language_code, language_name


@pytest.mark.parametrize(
    ("reads", "gets"),
    [("de", "de"), ("de-AT", "de-at"), ("de_CH", "de"), ("DE", "de"), ("fr", None), ("", None), ("d", None)],
)
def test_somebody_gets_their_own_language_or_its_first_part(reads: str, gets: str | None) -> None:
    assert choose({"de": "de", "de-at": "de-at"}, reads) == gets
    assert covers(["de", "de-at"], reads) is (gets is not None)


@pytest.mark.parametrize(("text", "code"), [("DE", "de"), (" pt_BR ", "pt-br"), ("zh-hans", "zh-hans")])
def test_codes_are_written_one_way(text: str, code: str) -> None:
    assert language_code(text) == code


@pytest.mark.parametrize("text", ["", "d", "german", "de-", "de/at", "<b>", "de-toolong-x"])
def test_what_is_no_code_is_refused_in_words(text: str) -> None:
    with pytest.raises(InvalidLanguage, match="no language code"):
        language_code(text)


@pytest.mark.parametrize(("code", "name"), [("de", "German"), ("de-at", "German"), ("tlh", "tlh")])
def test_names_are_those_that_people_know(code: str, name: str) -> None:
    assert language_name(code) == name
    assert all(language_code(code) == code for code, _ in CHOICES)
