import pytest

from campaigns.rendering.compiling import compile_part
from campaigns.rendering.parser import parse_part
from campaigns.rendering.problems import Part
from campaigns.rendering.variables import TemplateVariables, always_shown, find_variables, lines_of, root_of


def names(source: str) -> set[str]:
    return set(find_variables(compile_part(parse_part(source, Part.HTML), Part.HTML)))


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("plain", set()),
        ("{{name}} {{name}}", {"name"}),
        ("{{#if vip}}{{code}}{{else}}{{offer}}{{/if}}", {"vip", "code", "offer"}),
        ("{{contact.city}}", {"contact.city"}),
        ("{{#each items}}{{title}}{{@index}}{{../name}}{{/each}}", {"items", "items[].title", "name"}),
        ("{{#each items}}{{this}}{{@root.name}}{{/each}}", {"items", "items[]", "name"}),
        ("{{#each a}}{{#each b}}{{this.x}}{{../y}}{{/each}}{{/each}}", {"a", "a[].b", "a[].b[].x", "a[].y"}),
        ("{{#with contact}}{{city}}{{/with}}", {"contact", "contact.city"}),
        ("{{#each items}}{{x}}{{else}}{{name}}{{/each}}", {"items", "items[].x", "name"}),
    ],
)
def test_finds_every_name_from_the_root(source: str, expected: set[str]) -> None:
    assert names(source) == expected


def test_only_what_no_condition_can_hide_is_always_shown() -> None:
    source = "{{a}}{{#if x}}{{b}}{{/if}}{{#each l}}{{../c}}{{/each}}"
    assert always_shown(compile_part(parse_part(source, Part.HTML), Part.HTML)) == {"a"}


def test_knows_the_first_line_of_each_name() -> None:
    source = "\n{{a}}\n{{#if b}}\n{{a}}{{c}}{{/if}}"
    assert lines_of(compile_part(parse_part(source, Part.HTML), Part.HTML)) == {"a": 2, "b": 3, "c": 4}


def test_survives_storage() -> None:
    variables = TemplateVariables(frozenset({"a"}), frozenset({"b", "items[].x"}), frozenset())
    assert TemplateVariables.from_json(variables.as_json()) == variables
    assert variables.roots() == {"a", "b", "items"}
    assert variables.plain == {"a"}


@pytest.mark.parametrize(("name", "root"), [("a", "a"), ("a.b", "a"), ("a[].b", "a"), ("a[]", "a")])
def test_root_of(name: str, root: str) -> None:
    assert root_of(name) == root
