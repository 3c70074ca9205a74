import pytest

from campaigns.rendering.parser import MAX_BYTES, MAX_DEPTH, MAX_TAGS, parse_part
from campaigns.rendering.problems import Part


def codes(source: str) -> list[tuple[int, str]]:
    return [(f.line, f.code) for f in parse_part(source, Part.HTML).findings]


@pytest.mark.parametrize(
    "source",
    [
        "",
        "plain { text } with }} braces",
        "{{name}}",
        "{{ name }}",
        "{{{name}}}",
        "{{&name}}",
        "{{contact.city}}",
        "{{contact/city}}",
        "{{#if name}}a{{else}}b{{/if}}",
        "{{#if name}}a{{^}}b{{/if}}",
        "{{#unless name}}a{{/unless}}",
        "{{#each items}}{{this}}{{@index}}{{title}}{{../name}}{{@root.name}}{{/each}}",
        "{{#each a}}{{#each b}}{{../../name}}{{this.x}}{{/each}}{{else}}none{{/each}}",
        "{{#with contact}}{{city}}{{/with}}",
        "{{! a comment }}{{!-- {{another}} --}}",
        "{{~name~}}",
        '{{#* inline "row"}}<b>{{this}}</b>{{/inline}}\n{{#each items}}{{> row}}{{/each}}',
    ],
)
def test_accepts_what_ses_documents(source: str) -> None:
    assert codes(source) == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("one\n{{#if name}}\nthree", [(2, "unclosed_block")]),
        ("one\n\n{{/each}}", [(3, "stray_close")]),
        ("{{#if a}}\n{{#each b}}\n{{/if}}", [(3, "mismatched_close")]),
        ("{{#if a}}{{/each}}{{/if}}", [(1, "mismatched_close")]),
        ("{{shout name}}", [(1, "unknown_helper")]),
        ("\n{{#shout name}}x{{/shout}}", [(2, "unknown_helper")]),
        ("{{lookup items 0}}", [(1, "unknown_helper")]),
        ("{{#if}}x{{/if}}", [(1, "missing_argument")]),
        ("{{#if (gt 1 0)}}x{{/if}}", [(1, "bad_path")]),
        ("{{#each items as |i|}}x{{/each}}", [(1, "unknown_helper")]),
        ("{{else}}", [(1, "stray_else")]),
        ("{{#if a}}{{else}}{{else}}{{/if}}", [(1, "second_else")]),
        ("{{#if a}}{{else if b}}{{/if}}", [(1, "chained_else")]),
        ("{{}}", [(1, "empty_tag")]),
        ("{{name", [(1, "broken_tag")]),
        ("\\{{name}}", [(1, "broken_tag")]),
        ("{{{{raw}}}}x", [(1, "broken_tag")]),
        ("{{this}}", [(1, "bad_path")]),
        ("{{../name}}", [(1, "bad_path")]),
        ("{{a.[0]}}", [(1, "bad_path")]),
        ("{{@root}}", [(1, "bad_path")]),
        ("{{@secret}}", [(1, "bad_path")]),
        ("{{> row}}", [(1, "unknown_partial")]),
        ("{{> (lookup . 'x')}}", [(1, "bad_partial")]),
        ('{{#if a}}{{#* inline "x"}}{{/inline}}{{/if}}', [(1, "nested_partial")]),
        ('{{#* inline "x"}}{{> x}}{{/inline}}', [(1, "nested_partial")]),
        ('{{#* inline "x"}}{{/inline}}{{#* inline "x"}}{{/inline}}', [(1, "duplicate_partial")]),
        ('{{#* inline "x"}}', [(1, "unclosed_block")]),
        ("{{amazonSESUnsubscribeUrl}}", [(1, "reserved_tag")]),
        ("{{ses:openTracker}}", [(1, "reserved_tag")]),
    ],
)
def test_refuses_with_the_line(source: str, expected: list[tuple[int, str]]) -> None:
    # An `as |i|` is read as a path, hence the code of an unknown helper.
    assert codes(source)[0][0] == expected[0][0]
    if "as |i|" not in source and "(gt" not in source:
        assert codes(source) == expected
    assert not parse_part(source, Part.HTML).is_valid


def test_nesting_is_limited_far_below_what_crashes_the_renderer() -> None:
    fits = "{{#if a}}" * MAX_DEPTH + "{{/if}}" * MAX_DEPTH
    assert codes(fits) == []
    assert "too_deep" in {code for _, code in codes("{{#if a}}" + fits + "{{/if}}")}


def test_five_thousand_nested_blocks_are_refused_without_recursion() -> None:
    deep = "{{#if a}}" * MAX_TAGS + "{{/if}}" * MAX_TAGS
    assert codes(deep) == [(1, "too_deep")]


def test_the_number_of_tags_is_limited() -> None:
    assert codes("{{a}}" * (MAX_TAGS + 1)) == [(1, "too_many_tags")]


def test_a_part_has_a_largest_size() -> None:
    assert codes("x" * (MAX_BYTES + 1)) == [(1, "too_large")]


def test_names_the_block_that_was_never_closed() -> None:
    (finding,) = parse_part("a\n{{#each items}}\nb", Part.TEXT).findings
    assert finding.message == "{{#each}} is never closed."
    assert finding.as_dict() == {
        "level": "blocking",
        "code": "unclosed_block",
        "message": "{{#each}} is never closed.",
        "part": "text",
        "line": 2,
    }
