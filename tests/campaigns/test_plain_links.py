"""Which web links stay uncounted, and the reason that is given for each."""

import pytest

from campaigns import plain_links
from campaigns.plain_links import PlainLink, Why
from campaigns.rendering.parser import MAX_BYTES

SITE = "https://mail.example.com"
CONSTANTS = {"shop": "https://shop.example/s?a=1", "mail": "mailto:a@b.example"}


@pytest.mark.parametrize(
    ("html", "address", "why"),
    [
        ('<a href="https://{{html.name}}.example/x">', "https://{{name}}.example/x", Why.HOST),
        ('<a href="{{html.name}}">', "{{name}}", Why.HOST),
        ('<a href="https://example.com{{html.name}}">', "https://example.com{{name}}", Why.HOST),
        (
            '<a href="https://example.com/{{#if html.v}}x{{/if}}">',
            "https://example.com/{{#if v}}x{{/if}}",
            Why.CONDITION,
        ),
        (
            '<a {{#if html.v}}href="https://a.example"{{else}}href="https://b.example"{{/if}}>',
            "https://a.example",
            Why.CONDITION,
        ),
        ('{{#each html.v}}<a href="{{this.url}}">x</a>{{/each}}', "{{this.url}}", Why.REPEATED),
        ('<a href="{{~html.shop~}}">', "{{~shop~}}", Why.DOUBT),
        (
            '<a href="https://me:word@example.com/?a=1&amp;b=2">',
            "https://me:word@example.com/?a=1&b=2",
            Why.DOUBT,
        ),
    ],
)
def test_what_stays_uncounted_is_said_with_its_reason(html: str, address: str, why: Why) -> None:
    both = f'<a href="https://example.com/counted">x</a>{html}{html}'
    assert plain_links.find(both, public_url=SITE, constants=CONSTANTS) == [PlainLink(address, why)]


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://example.com/{{html.name}}">',
        '<a href="{{html.shop}}">',
        '<a href="{{html.unsubscribe_url}}">',
        '<a href="{{#if html.v}}{{html.view_url}}{{else}}https://example.com{{/if}}">',
        f'<a href="{SITE}/u/x/">',
        '<a href="mailto:{{html.name}}">',
        '<a href="mailto:a@example.com">',
        '<a href="{{html.mail}}">',
        '<a href="#top">',
        '<a name="x">',
        '<a ses:no-track href="https://{{html.name}}/x">',
    ],
)
def test_nothing_is_said_of_links_that_are_counted_or_need_not_be(html: str) -> None:
    assert plain_links.find(html, public_url=SITE, constants=CONSTANTS) == []


def test_a_value_that_the_campaign_lacks_is_nobodys_data() -> None:
    html = '<a href="{{html.shop}}">x</a>'
    assert plain_links.find(html, public_url=SITE, constants={"shop": ""}) == []
    assert [link.why for link in plain_links.find(html, public_url=SITE, constants={})] == [Why.HOST]


def test_links_of_a_mail_that_would_become_too_large_are_all_uncounted() -> None:
    html = '<a href="https://example.com">x</a>'
    html += "x" * (MAX_BYTES - len(html))
    assert plain_links.find(html, public_url=SITE, constants={}) == [
        PlainLink("https://example.com", Why.ROOM)
    ]
