from typing import Any

import pytest

from subscribers.importing.columns import (
    Column,
    MappingError,
    check_mapping,
    field_key,
    from_json,
    guess_type,
    match_columns,
    to_json,
)


def test_the_recipes_file_maps_itself() -> None:
    names = ["email", "name", "segment", "preferences"]
    rows: list[list[Any]] = [
        ["a@example.com", "Ann", "new_customers", ["books", "home"]],
        ["b@example.com", "Bob", "loyal_customers", ["sports"]],
        ["c@example.com", "Eve", "new_customers", ""],
    ]
    assert match_columns(names, rows, {}) == [
        Column("email", "email"),
        Column("name", "name"),
        Column("segment", "field:segment", "choice"),
        Column("preferences", "field:preferences", "list"),
    ]


@pytest.mark.parametrize(
    ("header", "target"),
    [("E-Mail", "email"), ("Email Address", "email"), ("Adresse e-mail", "email"), ("First Name", "first_name"),
     ("Nachname", "last_name"), ("CONFIRM_TIME", "consent_at"), ("Opens", "opens"), ("Straße", "field:strasse"),
     ("2nd phone", "field:f_2nd_phone"), ("ID", "field:id_field"), ("名前", "")],
)  # fmt: skip
def test_headers_of_many_tongues(header: Any, target: Any) -> None:
    assert match_columns([header], [], {})[0].target == target


def test_an_unnamed_column_of_addresses_is_found() -> None:
    columns = match_columns(["Kontakt", "x"], [["a@b.co", "1"], ["c@d.co", "2"], ["", "3"]], {})
    assert columns[0].target == "email"


def test_the_type_of_a_known_field_wins() -> None:
    assert match_columns(["email", "zip"], [["a@b.co", "123"]], {"zip": "text"})[1].type == "text"


def test_a_second_column_of_the_same_meaning_is_left_out() -> None:
    assert [column.target for column in match_columns(["email", "E-Mail"], [], {})] == ["email", ""]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [([], "text"), (["1", "2.5"], "number"), (["2025-01-01", ""], "date"), (["yes", "no"], "boolean"),
     (["0", "1"], "number"), (["x", "x"], "choice"),
     (["01234", "99999"], "text"), (["+4917012345", "+4917012346", "+491", "+492", "+493", "+494", "+495"], "text"),
     (["a", "b", "a", "b"], "choice"), (["a;b", "c"], "list"), ([["a"], ""], "list"),
     ([f"text {number}" for number in range(40)], "text")],
)  # fmt: skip
def test_types_are_guessed(cells: Any, expected: Any) -> None:
    result = guess_type(cells)
    assert result == expected


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([Column("a", "name")], "No column holds the e-mail address"),
        ([Column("a", "email"), Column("b", "email")], "Two columns are mapped"),
        ([Column("a", "email"), Column("b", "nonsense")], "is not something"),
        ([Column("a", "email"), Column("b", "field:Bad Key", "text")], "cannot be the key"),
        ([Column("a", "email"), Column("b", "field:city", "colour")], "Choose a type"),
        ([Column("a", "email"), Column("b", "field:email", "text")], "cannot be the key"),
    ],
)
def test_senseless_mappings_are_refused(columns: Any, words: Any) -> None:
    with pytest.raises(MappingError, match=words):
        check_mapping(columns)


def test_a_mapping_survives_storage() -> None:
    columns = [Column("E-Mail", "email"), Column("Ort", "field:ort", "text"), Column("x")]
    check_mapping(columns)
    assert from_json(to_json(columns)) == columns


def test_keys() -> None:
    assert [field_key(name) for name in ("Größe (cm)", "  City ", "a" * 80)] == [
        "grosse_cm",
        "city",
        "a" * 50,
    ]
