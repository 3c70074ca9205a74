import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.rendering.data import DataBuilder, TemplateDataTooLarge, escape_html, one_line, plain
from campaigns.rendering.variables import TemplateVariables


def builder(*names: str, **options: Any) -> DataBuilder:
    return DataBuilder(TemplateVariables(frozenset(names), frozenset(names), frozenset()), **options)


def test_each_value_goes_plain_and_escaped() -> None:
    assert builder("name").as_dict({"name": "<b>\"Ann\" & 'Bob'</b>"}) == {
        "name": "<b>\"Ann\" & 'Bob'</b>",
        "html": {"name": "&lt;b&gt;&quot;Ann&quot; &amp; &#x27;Bob&#x27;&lt;/b&gt;"},
    }


@pytest.mark.parametrize("value", [None, ""])
def test_an_absent_value_takes_the_default(value: str | None) -> None:
    built = builder("name", "city", defaults={"name": "there"}).as_dict({"name": value})
    assert built == {"name": "there", "city": "", "html": {"name": "there", "city": ""}}


def test_a_header_cannot_be_smuggled_through_a_line_break() -> None:
    built = builder("name").as_dict({"name": "Ann\r\nBcc: x@example.com\u2028\x00end"})
    assert built["name"] == "Ann Bcc: x@example.com end"


def test_only_the_part_that_reads_a_variable_gets_it() -> None:
    variables = TemplateVariables(frozenset({"a"}), frozenset({"b"}), frozenset({"c"}))
    assert DataBuilder(variables).as_dict({"a": "1", "b": "2", "c": "3", "d": "4"}) == {
        "a": "1",
        "c": "3",
        "html": {"b": "2"},
    }


def test_constants_win_over_the_person_and_are_not_looked_up() -> None:
    built = builder("offer", "name", constants={"offer": "<20 %>"})
    assert built.person_names == {"name"}
    assert built.as_dict({"offer": "no", "name": "x"})["html"] == {"offer": "&lt;20 %&gt;", "name": "x"}


def test_lists_and_nested_names_are_completed() -> None:
    built = builder("items", "items[].title", "items[].price", "contact.city")
    data = built.as_dict({"items": [{"title": "<A>"}, {"title": "B", "price": 3}]})
    assert data["items"] == [{"title": "<A>", "price": ""}, {"title": "B", "price": 3}]
    assert data["html"]["items"][0]["title"] == "&lt;A&gt;"
    assert data["contact"] == {"city": ""}


def test_a_missing_list_is_an_empty_list() -> None:
    assert builder("items", "items[]").as_dict({})["items"] == []


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        (True, True),
        (3, 3),
        (2.0, 2),
        (2.5, 2.5),
        (Decimal("10.50"), "10.5"),
        (date(2026, 3, 1), "2026-03-01"),
        (["a", None], ["a", ""]),
        ({"a": 1}, {"a": 1}),
    ],
)
def test_values_keep_their_kind(value: object, sent: object) -> None:
    assert plain(value) == sent


def test_data_above_the_limit_is_refused() -> None:
    with pytest.raises(TemplateDataTooLarge, match="262144"):
        builder("name").build({"name": "x" * 200_000})


def test_build_is_json() -> None:
    assert json.loads(builder("name").build({"name": "Zoë"})) == {"name": "Zoë", "html": {"name": "Zoë"}}


@given(st.text())
def test_no_text_can_open_a_tag_or_leave_an_attribute(value: str) -> None:
    assert not set(escape_html(value)) & set("<>\"'")


@given(st.text())
def test_no_text_stays_on_two_lines(value: str) -> None:
    assert len(one_line(value).splitlines()) <= 1
