import io
import json
from typing import Any

import pytest

from subscribers.importing.errors import FileRefusedError
from subscribers.importing.json_table import WINDOW, read_json

RECIPE = """[
    {"email": "subscriber1@example.com", "name": "John Doe", "segment": "new_customers",
     "preferences": ["electronics", "books"]},
    {"email": "subscriber2@example.com", "name": "Jane Smith", "segment": "loyal_customers",
     "preferences": ["fashion", "home"]}
]"""


def read(text: Any) -> Any:
    table = read_json(io.StringIO(text))
    return table, list(table.records)


def test_a_list_of_people_with_several_preferences() -> None:
    table, records = read(RECIPE)
    assert table.columns == ["email", "name", "segment", "preferences"]
    assert [record.line for record in records] == [1, 2]
    assert records[0].cells == [
        "subscriber1@example.com",
        "John Doe",
        "new_customers",
        ["electronics", "books"],
    ]


def test_missing_keys_nested_objects_and_odd_values() -> None:
    table, records = read(
        '[{"email": "a@b.co", "n": 1.5, "ok": true, "none": null}, {"email": 3, "at": {"city": "X", "d": {}}}]'
    )
    assert table.columns == ["email", "n", "ok", "none", "at.city", "at.d"]
    assert records[0].cells == ["a@b.co", "1.5", "true", "", "", ""]
    assert records[1].cells == ["3", "", "", "", "X", "{}"]


def test_one_object_per_line() -> None:
    _, records = read('{"email": "a@b.co"}\n{"email": "c@d.co"}\n')
    assert [record.cells for record in records] == [["a@b.co"], ["c@d.co"]]


def test_entries_across_window_borders() -> None:
    people = [{"email": f"p{number}@example.com", "name": "é" * (number % 300)} for number in range(20_000)]
    text = json.dumps(people, ensure_ascii=False)
    assert len(text) > 3 * WINDOW
    _, records = read(text)
    assert [record.cells for record in records] == [[person["email"], person["name"]] for person in people]


def test_what_is_no_object_is_refused_alone() -> None:
    _, records = read('[{"email": "a@b.co"}, 7, {"email": "c@d.co"}]')
    assert [bool(record.problem) for record in records] == [False, True, False]


def test_a_ten_megabyte_value_costs_only_its_entry() -> None:
    _, records = read(json.dumps([{"email": "a@b.co", "n": "x" * 10_000_000}, {"email": "c@d.co", "n": "y"}]))
    assert records[0].problem == "the row holds a cell that is too large"
    assert sum(map(len, records[0].cells)) < 1_000
    assert records[1].cells == ["c@d.co", "y"]


def test_keys_that_come_late_are_reported() -> None:
    people = [{"email": "a@b.co"}] * 5_000 + [{"email": "c@d.co", "late": "x"}]
    table, _ = read(json.dumps(people))
    assert table.warnings == ["Values named late first appear late in the file and were left out."]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("[]", "empty"),
        ("[1, 2]", "not_objects"),
        ('[{"email": "a@b.co"}', "truncated"),
        ('[{"email": "a@b.co"},', "truncated"),
        ('[{"email": "a@b.co"}, {"email": "c@', "truncated"),
        ('[{"email": "a@b.co"}, {"email"', "truncated"),
        ('[{"email": "a@b.co"},]', "bad_json"),
        ('[{"email": "a@b.co"} {"email": "c"}]', "bad_json"),
        ('[{"email": a@b.co}]', "bad_json"),
        ('[{"email": NaN}]', "bad_json"),
        ('[{"email": ' + "[" * 100_000, "bad_json"),
        ('[{"email": ' + "1" * 10_000 + "}]", "bad_json"),
        ('[{"email": "a@b.co"}] and more', "trailing"),
        ('[{"email": "a@b.co", "n": "' + "x" * 40_000_000 + '"}]', "entry_too_large"),
        (json.dumps([{f"k{number}": 1 for number in range(300)}]), "too_many_columns"),
    ],
)
def test_what_cannot_be_read_is_refused(text: Any, code: Any) -> None:
    with pytest.raises(FileRefusedError) as error:
        read(text)
    assert error.value.code == code
    assert str(error.value).endswith((".", "?"))
