import pytest

from campaigns.entries import BUILT_IN
from campaigns.rendering import DataBuilder, Source, check_template, render
from campaigns.rendering.quoting import loose_values, quote_values

FOOT = '<p><a href="{{unsubscribe_url}}">Unsubscribe</a> {{postal_address}}</p>'


@pytest.mark.parametrize(
    ("source", "page"),
    [
        ("<a href={{link}}>x</a>", '<a href="{{link}}">x</a>'),
        ("<a title=it's href={{link}}>", '<a title=it\'s href="{{link}}">'),
        ('<a title=="{{a}}">', '<a title="=&quot;{{a}}&quot;">'),
        ('<a title={{a}}">', '<a title="{{a}}&quot;">'),
        (
            "<A HREF = https://x.example/?a=1&b={{b}} class=c>",
            '<A HREF = "https://x.example/?a=1&b={{b}}" class=c>',
        ),
        ("<tr bgcolor={{#if a}}#eee{{else}}#fff{{/if}}>", '<tr bgcolor="{{#if a}}#eee{{else}}#fff{{/if}}">'),
        ("<textarea title={{a}}><p id={{b}}></textarea>", '<textarea title="{{a}}"><p id={{b}}></textarea>'),
        ("<style media={{a}}>p{}</style x><p id={{b}}>", '<style media="{{a}}">p{}</style x><p id="{{b}}">'),
        ("<title-bar id={{a}}><p id={{b}}>", '<title-bar id="{{a}}"><p id="{{b}}">'),
        (
            "<!--><p id={{a}}><!-- <p id={{b}}> --!><p id={{c}}>",
            '<!--><p id="{{a}}"><!-- <p id={{b}}> --!><p id="{{c}}">',
        ),
        ("<td {{#if a}}style=color:{{b}}{{/if}} x=1>", '<td {{#if a}}style="color:{{b}}"{{/if}} x=1>'),
        (
            "<p {{#if a}}id={{b}}{{else}}id=c{{/if}}id={{d}}>",
            '<p {{#if a}}id="{{b}}"{{else}}id=c{{/if}}id="{{d}}">',
        ),
    ],
)
def test_a_value_gets_the_quotes_that_it_lacks(source: str, page: str) -> None:
    assert quote_values(source) == page


@pytest.mark.parametrize(
    "source",
    [
        "<a href=\"{{link}}\" title='{{title}}'>{{title}} = {{price}}</a>",
        "<p>a={{b}} <!-- <a href={{c}}> --> <style>a{color:{{d}}}</style>",
        "<img width=100 alt=x>",
        "<a {{#if vip}}class='gold'{{/if}} href='#'>",
    ],
)
def test_what_needs_none_stays_as_it_is(source: str) -> None:
    assert quote_values(source) == source
    assert list(loose_values(source)) == []


@pytest.mark.parametrize(
    "tag",
    [
        "<p {{#if name}}{{name}}{{/if}}>",
        "<p {{name}}=1>",
        "<textarea {{name}}></textarea>",
        "<h{{name}}>",
        "<{{name}}>",
        "<{{#if name}}b{{/if}}>",
    ],
)
def test_a_value_outside_of_quotes_is_refused_with_its_line(tag: str) -> None:
    source = f"<p>{{{{name}}}}</p>\n{tag}x</p>{FOOT}"
    findings = check_template(Source("A good subject", source), known=BUILT_IN).findings
    assert [(f.code, f.line) for f in findings if f.is_blocking] == [("loose_value", 2)]


def test_a_space_in_a_value_makes_no_attribute() -> None:
    checked = check_template(Source("A good subject", f"<b id={{{{name}}}}>x</b>{FOOT}"), known=BUILT_IN)
    shown = render(checked, DataBuilder(checked.variables).as_dict({"name": "a onclick=alert(1)"}))
    assert '<b id="a onclick=alert(1)">' in shown.html
