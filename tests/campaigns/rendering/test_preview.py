import pytest

from campaigns.rendering import DataBuilder, Part, Source, TemplateError, check_template, render
from campaigns.rendering.compiling import compile_part
from campaigns.rendering.parser import parse_part
from campaigns.rendering.preview import render_nodes

FOOT = '<a href="{{unsubscribe_url}}">Leave</a> {{postal_address}}'
KNOWN = {"name", "preferences", "unsubscribe_url", "postal_address"}


def test_renders_all_parts_as_one_person_gets_them() -> None:
    source = Source(
        "Hi {{name}}", f"<p>{{{{name}}}}</p>{{{{#each preferences}}}}<i>{{{{this}}}}</i>{{{{/each}}}}{FOOT}"
    )
    checked = check_template(source, known=KNOWN)
    data = DataBuilder(
        checked.variables,
        constants={"postal_address": "1 Rd", "unsubscribe_url": "https://x.example/u?a=1&b=2"},
    ).as_dict({"name": "<Ann>", "preferences": ["a&b", "c"]})
    rendered = render(checked, data)
    assert rendered.subject == "Hi <Ann>"
    assert rendered.html == (
        '<p>&lt;Ann&gt;</p><i>a&amp;b</i><i>c</i><a href="https://x.example/u?a=1&amp;b=2">Leave</a> 1 Rd'
    )
    assert "https://x.example/u?a=1&b=2" in rendered.text
    assert "<Ann>" in rendered.text


def test_a_missing_variable_is_an_error_and_not_a_gap() -> None:
    nodes = compile_part(parse_part("{{name}}", Part.TEXT), Part.TEXT)
    with pytest.raises(TemplateError, match="name"):
        render_nodes(nodes, Part.TEXT, {})


def test_values_are_never_read_as_template() -> None:
    nodes = compile_part(parse_part("{{name}}", Part.TEXT), Part.TEXT)
    assert render_nodes(nodes, Part.TEXT, {"name": "{{secret}} {{#if x}}"}) == "{{secret}} {{#if x}}"


def test_a_template_that_does_not_compile_cannot_be_rendered() -> None:
    checked = check_template(Source("", "{{#if a}}"), known=[])
    with pytest.raises(TemplateError, match="never closed"):
        render(checked, {})


@pytest.mark.parametrize(("value", "expected"), [("", "."), ([], "."), ("x", "x.")])
def test_with_an_empty_value_shows_nothing_and_is_no_error(value: object, expected: str) -> None:
    nodes = compile_part(
        parse_part("{{#each preferences}}{{#with ../name}}{{this}}{{/with}}.{{/each}}", Part.TEXT), Part.TEXT
    )
    assert render_nodes(nodes, Part.TEXT, {"name": value, "preferences": ["one"]}) == expected
