import pytest

from campaigns.rendering.compiling import compile_part, serialize, to_escaped
from campaigns.rendering.parser import parse_part
from campaigns.rendering.problems import Part, TemplateError


def compiled(source: str) -> str:
    nodes = compile_part(parse_part(source, Part.HTML), Part.HTML)
    return serialize(nodes, to_escaped)


@pytest.mark.parametrize(
    ("source", "stored"),
    [
        ("{{name}}", "{{html.name}}"),
        ("{{{name}}} {{&name}}", "{{html.name}} {{html.name}}"),
        ("{{contact.city}}", "{{html.contact.city}}"),
        ("{{this.name}}", "{{html.name}}"),
        ("{{@root.name}}", "{{@root.html.name}}"),
        ("{{#if a}}{{b}}{{else}}{{c}}{{/if}}", "{{#if html.a}}{{html.b}}{{else}}{{html.c}}{{/if}}"),
        (
            "{{#each items}}{{title}} {{this}} {{@index}} {{../name}}{{/each}}",
            "{{#each html.items}}{{title}} {{this}} {{@index}} {{../html.name}}{{/each}}",
        ),
        (
            "{{#each items}}{{#if ../vip}}{{x}}{{/if}}{{/each}}",
            "{{#each html.items}}{{#if ../html.vip}}{{x}}{{/if}}{{/each}}",
        ),
        (
            "{{#each a}}{{#each b}}{{../c}}{{../../d}}{{/each}}{{/each}}",
            "{{#each html.a}}{{#each b}}{{../c}}{{../../html.d}}{{/each}}{{/each}}",
        ),
        (
            "{{#each items}}{{x}}{{else}}{{name}}{{/each}}",
            "{{#each html.items}}{{x}}{{else}}{{html.name}}{{/each}}",
        ),
        ("{{#with contact}}{{city}}{{/with}}", "{{#with html.contact}}{{city}}{{/with}}"),
        ("a{{~#if x~}} b {{~/if}}", "a{{~#if html.x~}} b {{~/if}}"),
        ("{{#if a}}x{{^}}y{{/if}}", "{{#if html.a}}x{{else}}y{{/if}}"),
        ("{{! gone }}x", "x"),
    ],
)
def test_html_reads_the_escaped_copies(source: str, stored: str) -> None:
    assert compiled(source) == stored


def test_partials_are_put_in_place_with_the_context_of_their_call() -> None:
    source = '{{#* inline "row"}}<b>{{title}} {{../name}}</b>{{/inline}}{{#each items}}{{> row}}{{/each}}'
    assert compiled(source) == "{{#each html.items}}<b>{{title}} {{../html.name}}</b>{{/each}}"


def test_a_partial_whose_paths_climb_too_far_is_refused_where_it_is_used() -> None:
    source = '{{#* inline "row"}}{{../name}}{{/inline}}\n{{> row}}'
    with pytest.raises(TemplateError, match=r"html line 1: \{\{\.\./name\}\} points at nothing"):
        compiled(source)


def test_findings_of_the_guard_stop_the_compilation() -> None:
    with pytest.raises(TemplateError, match="never closed"):
        compiled("{{#if a}}")


@pytest.mark.parametrize(
    "source",
    [
        "{{@index}}",
        "{{#if @first}}x{{/if}}",
        "{{#each a}}x{{else}}{{@last}}{{/each}}",
        '{{#* inline "row"}}{{@key}}{{/inline}}{{> row}}',
    ],
)
def test_the_place_in_a_loop_is_refused_outside_of_one(source: str) -> None:
    with pytest.raises(TemplateError, match="only means something inside"):
        compiled(source)


def test_the_place_in_a_loop_is_known_in_whatever_stands_in_it() -> None:
    assert compiled("{{#each a}}{{#with b}}{{#if c}}{{@index}}{{/if}}{{/with}}{{/each}}")
