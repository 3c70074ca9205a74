from typing import Any

import pytest

from subscribers.importing.cells import as_text, clean_text, is_formula, spreadsheet_safe


@pytest.mark.parametrize("text", ["=cmd()", "+SUM(A1)", "-2+3", "@here", "\t=1", "\uff1dcmd()", "+49 abc"])
def test_a_possible_formula_is_quoted(text: Any) -> None:
    assert is_formula(text)
    assert spreadsheet_safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Ann", "ann@example.com", "-12", "+49 170 123", "-3.5 %", "a=b"])
def test_ordinary_text_is_left_alone(text: Any) -> None:
    assert spreadsheet_safe(text) == text


def test_several_values_become_one_text() -> None:
    assert as_text(["a", "b"]) == "a; b"


def test_an_exported_formula_comes_back_as_it_was() -> None:
    assert clean_text(spreadsheet_safe("=1+1")) == "=1+1"
    assert clean_text("'t Hooft") == "'t Hooft"
