import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.rendering.inlining import inline_css

STYLE = "<style>td { color: red } .a { margin: 0 } @media (max-width: 9px) { .a { margin: 9px !important } }</style>"


def test_only_style_attributes_are_added() -> None:
    source = STYLE + '<table>{{#each rows}}<tr><td class="a">{{this}}<td>b<br/></tr>{{/each}}</table>'
    expected = source.replace('<td class="a">', '<td class="a" style="color: red;margin: 0;">')
    assert inline_css(source) == expected.replace("<td>b", '<td style="color: red;">b')


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ('<p class="a" style="margin:1px">', '<p class="a" style="margin: 1px">'),
        ("<p class='a' style='margin:1px'>", "<p class='a' style=\"margin: 1px\">"),
        ('<p class="a" style="color:{{c}}">', '<p class="a" style="margin: 0; color:{{c}}">'),
        ('<p class="{{c}}">', '<p class="{{c}}">'),
        ('<p {{#if c}}class="a"{{/if}}>', '<p {{#if c}}class="a"{{/if}}>'),
        ('<img class="a" src="{{u}}" />', '<img class="a" src="{{u}}" style="margin: 0;" />'),
        ('<p class="b">', '<p class="b">'),
        ('<!-- <p class="a"> -->', '<!-- <p class="a"> -->'),
    ],
)
def test_an_element_gets_what_is_its_own(element: str, expected: str) -> None:
    assert inline_css(STYLE + element) == STYLE + expected


def test_quotes_in_a_rule_stay_inside_the_attribute() -> None:
    source = """<style>p { font-family: "A B"; content: 'it"s' }</style><p>x</p>"""
    style = inline_css(source).split('<p style="')[1].split('">')[0]
    assert "font-family" in style
    assert '"' not in style


def test_nothing_is_fetched_and_nothing_unreadable_stops_the_mail() -> None:
    link = '<link rel="stylesheet" href="https://x.example/a.css">'
    source = link + '<style>@import "https://x.example"; p {{ }</style><p>x'
    assert inline_css(source).endswith("<p>x")


@given(st.text(alphabet="<>/='\"{}#a p.td{{}}!-\n", max_size=80))
def test_a_document_without_matching_rules_is_kept_byte_for_byte(source: str) -> None:
    style = "<style>.nowhere { color: red }</style>"
    assert inline_css(style + source) == style + source
