from mailplatform.core.sheets import spreadsheet_safe
from subscribers.importing.cells import as_text, clean_text


def test_several_values_become_one_text() -> None:
    assert as_text(["a", "b"]) == "a; b"


def test_an_exported_formula_comes_back_as_it_was() -> None:
    assert clean_text(spreadsheet_safe("=1+1")) == "=1+1"
    assert clean_text("'t Hooft") == "'t Hooft"
