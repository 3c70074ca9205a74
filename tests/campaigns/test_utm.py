"""Parameters on links: on what the author wrote, before the fragment, and never twice."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import utm

ONE = {"utm_source": "news"}
TWO = {"utm_source": "news letter", "utm_medium": "email"}


@pytest.mark.parametrize(
    ("url", "tagged"),
    [
        ("https://a.example", "https://a.example?utm_source=news"),
        ("https://a.example/x?y=1", "https://a.example/x?y=1&utm_source=news"),
        ("https://a.example/x?", "https://a.example/x?utm_source=news"),
        ("https://a.example/x#top", "https://a.example/x?utm_source=news#top"),
        ("https://a.example/{{html.city}}#b", "https://a.example/{{html.city}}?utm_source=news#b"),
        ("https://a.example/?q=a&#38;b#c", "https://a.example/?q=a&#38;b&utm_source=news#c"),
        ("https://a.example/?utm_source=mine", "https://a.example/?utm_source=mine"),
        ("HTTP://a.example/", "HTTP://a.example/?utm_source=news"),
    ],
)
def test_an_address_gets_what_it_lacks(url: str, tagged: str) -> None:
    assert utm.tag_url(url, ONE) == tagged


@pytest.mark.parametrize(
    "url",
    [
        "mailto:a@b.example",
        "#top",
        "{{html.unsubscribe_url}}",
        "https://mail.example.com/p/x/",
        "https://a.example/{{#if html.vip}}?v=1{{/if}}",
        "https://[broken",
        "",
    ],
)
def test_an_address_that_is_not_the_authors_stays(url: str) -> None:
    assert utm.tag_url(url, ONE, own_host="mail.example.com") == url


def test_links_of_html_and_outlooks_buttons_are_tagged_and_nothing_else() -> None:
    html = (
        '<link href="https://a.example/s.css"><img src="https://a.example/i.png">'
        "<a class=\"x\" href='https://a.example/?b=1&amp;c=2'>https://a.example</a>"
        '<v:roundrect href="https://a.example/">'
        '<a ses:no-track href="{{html.unsubscribe_url}}">Leave</a>'
    )
    tagged = utm.tag_html(html, TWO)
    assert "href='https://a.example/?b=1&amp;c=2&amp;utm_source=news%20letter&amp;utm_medium=email'" in tagged
    assert '<v:roundrect href="https://a.example/?utm_source=news%20letter&amp;utm_medium=email">' in tagged
    assert tagged.count("utm_source") == 2
    assert utm.tag_html(tagged, TWO) == tagged


def test_addresses_of_the_text_part_keep_the_sentence_around_them() -> None:
    text = "See https://a.example/x. Or (https://a.example/{{city}})! {{#if a}}https://b.example{{/if}} {{view_url}}"
    assert utm.tag_text(text, ONE) == (
        "See https://a.example/x?utm_source=news. Or (https://a.example/{{city}}?utm_source=news)! "
        "{{#if a}}https://b.example?utm_source=news{{/if}} {{view_url}}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "https://a.example/{{#if vip}}vip{{else}}all{{/if}}",
        "https://a.example/x{{#if vip}}?v=1{{/if}} and on",
        "{{#if a}}https://a.example{{else}}https://b.example{{#if c}} {{/if}}{{/if}}/path",
        "{{#if a}}https://a.example{{/if}}{{path}}",
    ],
)
def test_an_address_of_the_text_whose_form_hangs_on_a_condition_stays(text: str) -> None:
    assert utm.tag_text(text, ONE) == text


@pytest.mark.parametrize(
    "torn",
    [
        '<td background="{{html.base}}/bg.png">',
        '<td background="{{html.base}}">',
        "<p style=\"background:url('{{ html.base }}')\">",
        '<p style="background:url({{html.base}}/bg.png)">',
        '<a href="{{html.base}}/sale">x</a>',
        '{{#each html.x}}<a href="{{../html.base}}/sale">x</a>{{/each}}',
        "{{base}}/sale",
        "{{{base}}}?x=1",
        "https://a.example/?to={{base}}",
        "{{#if a}}{{base}}{{/if}}/sale",
        "{{base}}{{path}}",
        "{{path}}{{base}}",
        "{{base}}.example.com",
    ],
)
def test_a_value_that_is_a_piece_of_an_address_anywhere_stays(torn: str) -> None:
    values, link = {"base": "https://b.example"}, '<a href="{{html.base}}">z</a>'
    assert utm.tag_variables(values, ONE, parts=[link, torn]) == values


@pytest.mark.parametrize("whole", ["{{base}}", "See {{base}}.", "({{base}})", "{{#if base}}{{base}}{{/if}}"])
def test_a_value_that_stands_alone_in_the_text_is_no_piece(whole: str) -> None:
    values, link = (
        {"base": "https://b.example"},
        '{{#if html.base}}<a href="{{html.base}}">{{html.base}}</a>{{/if}}',
    )
    tagged = utm.tag_variables(values, ONE, parts=[link, whole])
    assert tagged == {"base": "https://b.example?utm_source=news"}


def test_a_value_is_tagged_only_where_it_is_a_whole_address() -> None:
    values = {"shop": "https://a.example/", "base": "https://b.example", "words": "https://c.example", "n": 3}
    html = '<a href="{{html.shop}}">x</a><a href="{{html.base}}/x">y</a><a href="{{html.base}}">z</a>{{html.words}}'
    assert utm.tag_variables(values, ONE, parts=[html]) == {
        **values,
        "shop": "https://a.example/?utm_source=news",
    }


def test_without_a_source_there_is_nothing_and_with_one_the_rest_stands_in() -> None:
    assert utm.complete({"medium": "x"}, campaign="march") == {}
    assert utm.complete({"source": " our  news "}, campaign="march") == {
        "utm_source": "our news",
        "utm_medium": "email",
        "utm_campaign": "march",
    }


@given(st.text(max_size=120), st.text(min_size=1, max_size=30))
def test_no_value_becomes_markup_or_a_tag_and_nothing_else_changes(page: str, value: str) -> None:
    html = f'{page}<a href="https://a.example/">x</a>'
    tagged = utm.tag_html(html, {"utm_source": value})
    added = re.sub(r"(\?|&amp;)utm_source=[\w.~%-]*", "", tagged, flags=re.ASCII)
    assert added == re.sub(r"(\?|&amp;)utm_source=[\w.~%-]*", "", html, flags=re.ASCII)
