"""Columns of JSON objects, as listmonk and Keila export them."""

import io

from subscribers.importing.expanding import json_columns
from subscribers.importing.reading import open_table

FILE = (
    'email,name,attributes\nann@example.com,Ann,"{""city"": ""Ulm"", ""vip"": true, ""likes"": [""a"", ""b""]}"\n'
    'bob@example.com,Bob,\neve@example.com,Eve,"{broken"\nfay@example.com,Fay,"{""n"": 3, ""deep"": {""x"": 1}}"\n'
)
EXPANSION = {"attributes": ["city", "vip", "likes", "n", "deep"]}


def test_keys_become_columns() -> None:
    with open_table(io.BytesIO(FILE.encode()), expansion=EXPANSION) as (table, _):
        rows = list(table.records)
    assert table.columns == ["email", "name", "attributes", "city", "vip", "likes", "n", "deep"]
    assert rows[0].cells[3:] == ["Ulm", "yes", ["a", "b"], "", ""]
    assert rows[1].cells[3:] == ["", "", "", "", ""]
    assert rows[2].problem == "attributes: this is not a JSON object"
    assert rows[3].cells[3:] == ["", "", "", "3", '{"x": 1}']


def test_only_columns_that_hold_objects_alone_are_taken_apart() -> None:
    names = ["email", "a", "b", "c", "d"]
    rows = [["x@y.z", '{"k": 1}', "{1}", "{}", ""], ["x@y.z", '{"l": 1}', '{"k": 1}', "{}", ""]]
    assert json_columns(names, rows) == {"a": ["k", "l"]}


def test_more_keys_than_columns_can_be_are_left_alone() -> None:
    many = "{" + ",".join(f'"k{number}": 1' for number in range(300)) + "}"
    assert json_columns(["email", "a"], [["x@y.z", many]]) == {}
