import pytest

from mailplatform.core.sheets import csv_rows, is_formula, spreadsheet_safe


@pytest.mark.parametrize("text", ["=cmd()", "+SUM(A1)", "-2+3", "@here", "\t=1", "\uff1dcmd()", "+49 abc"])
def test_a_possible_formula_is_quoted(text: str) -> None:
    assert is_formula(text)
    assert spreadsheet_safe(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "Ann", "ann@example.com", "-12", "+49 170 123", "-3.5 %", "a=b"])
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert spreadsheet_safe(text) == text


def test_every_cell_of_a_file_is_made_safe() -> None:
    assert list(csv_rows([["name", "n"], ["\uff1dcmd()", "-12"], ["a,b", "=1"]])) == [
        "name,n\r\n",
        "'\uff1dcmd(),-12\r\n",
        '"a,b",\'=1\r\n',
    ]
