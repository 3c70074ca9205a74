"""Links and a pixel of our own: where they stand, what they leave alone, and that nobody's data choose a host."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import own_links
from campaigns.honeypot import with_honeypot
from campaigns.own_links import PlainLink, Why, key_of, plain_links, with_own_links, with_own_pixel
from campaigns.rendering import Part, parse_part, render_stored
from campaigns.rendering.parser import MAX_BYTES, MAX_DEPTH

SITE = "https://mail.example.com"
CONSTANTS = {
    "shop": "https://shop.example/s?a=1",
    "host": "shop.example",
    "mail": "mailto:a@b.example",
    "cut": "10%",
}
START = f"{SITE}/l/TOKEN/"


def rewritten(html: str, **constants: Any) -> tuple[str, dict[str, str]]:
    return with_own_links(html, public_url=SITE, constants=constants or CONSTANTS)


def shown(html: str, click: str = "", opened: str = "", **values: Any) -> str:
    """The HTML as somebody gets it."""
    inner = {"mp_click": click, "mp_open": opened, "name": "Ann", "v": "x", **CONSTANTS, **values}
    parts = {Part.SUBJECT: "", Part.HTML: html, Part.TEXT: ""}
    return render_stored(parts, {"html": inner}).html


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("https://example.com", "https://example.com"),
        ("HTTP://Example.com/a?b=1&amp;c=2#d", "HTTP://Example.com/a?b=1&c=2#d"),
        ("https://example.com/?a=1&region=2", "https://example.com/?a=1&region=2"),
        ("  https://example.com/x\n", "https://example.com/x"),
        ("https://example.com:8443/x", "https://example.com:8443/x"),
        ("https://bücher.example/ä b", "https://bücher.example/ä b"),
        (
            "https://example.com/{{html.name}}?v={{html.a.b}}",
            "https://example.com/{{html.name}}?v={{html.a.b}}",
        ),
        ("https://example.com/?v={{@root.html.name}}", "https://example.com/?v={{html.name}}"),
        ("https://example.com?{{html.v}}", "https://example.com?{{html.v}}"),
        ("{{html.shop}}", "{{html.shop}}"),
        ("{{html.shop}}&amp;n={{html.name}}", "{{html.shop}}&n={{html.name}}"),
        ("https://{{html.host}}/x", "https://{{html.host}}/x"),
        (f"{SITE}/mp-trap/", f"{SITE}/mp-trap/"),
    ],
)
def test_addresses_of_the_web_are_counted(href: str, target: str) -> None:
    made, targets = rewritten(f'<p><a class="b" href="{href}">x</a></p>')
    key = key_of(target)
    assert targets == {key: target}
    assert (
        f'href="{{{{#if html.mp_click}}}}{{{{html.mp_click}}}}{key}{{{{else}}}}{href.strip()}{{{{/if}}}}"'
        in made
    )
    assert re.fullmatch(r"[0-9a-f]{12}", key)


@pytest.mark.parametrize(
    "href",
    [
        "",
        "#top",
        "/news",
        "//example.com/x",
        "mailto:a@example.com",
        "tel:+49",
        "javascript:alert(1)",
        "ftp://example.com/x",
        "http:/example.com",
        f"{SITE}/u/x/",
        "HTTPS://MAIL.EXAMPLE.COM./v/",
        f"{SITE}:8000/x",
        "{{html.unsubscribe_url}}",
        "https://example.com/?back={{html.view_url}}",
        # The host must not hang on anybody's data.
        "{{html.name}}",
        "{{html.name}}/x",
        "https://{{html.name}}/x",
        "https://{{html.name}}.example.com/x",
        "https://example.com{{html.name}}",
        "https://example.com{{html.name}}/x",
        "https://example.com:{{html.name}}/x",
        "https://{{html.name}}@example.com/",
        "https://user:word@example.com/",
        "https://example.com\\{{html.name}}/x",
        "https://example.com/\\x",
        "{{html.mail}}",
        "{{html.cut}}",
        "{{html.host}}/x",
        "{{html.shop}}{{html.host}}\\",
        # More than a value at the root, or a form that hangs on a condition.
        "https://example.com/{{html.v~}}",
        "https://example.com/{{v}}",
        "https://example.com/{{@index}}",
        "https://example.com/{{#if html.v}}x{{/if}}",
        "{{#if html.v}}https://example.com{{/if}}",
        "https://example.com/&#123;&#123;html.name}}",
        "https://example.com/{x}",
        "https://example.com/{{html.mp_click}}",
        "https://exa mple.com/",
        "https://example.com/a\tb",
        "https://" + "a" * 70 + ".example/",
    ],
)
def test_everything_else_stays_as_it_was_written(href: str) -> None:
    html = f'<a href="{href}">x</a>'
    assert rewritten(html) == (html, {})


@pytest.mark.parametrize(
    "element",
    [
        '<a ses:no-track href="https://example.com">',
        '<a href="https://example.com" SES:NO-TRACK="">',
        '<a name="x">',
        '<a data-href="https://example.com">',
        "<a title='href=\"https://example.com\"'>",
        '<a href="https://example.com" href="https://example.org">',
        '<a {{#if html.v}}href="https://example.com"{{else}}href="https://example.org"{{/if}}>',
        "<a href>",
        '<area><img src="https://example.com"><abbr href="https://example.com">',
        '<a href="https://example.com"',
    ],
)
def test_what_is_no_link_or_must_not_be_counted_stays(element: str) -> None:
    assert rewritten(element) == (element, {})


@pytest.mark.parametrize(
    ("element", "made"),
    [
        ("<A HREF='https://example.com'>", "<A HREF='{}'>"),
        ("<a href=https://example.com>", '<a href="{}">'),
        (
            '<a title="href=\'x\' > y" href = "https://example.com" >',
            '<a title="href=\'x\' > y" href = "{}" >',
        ),
        ('<a title=it\'s href="https://example.com">', '<a title=it\'s href="{}">'),
        (
            '<map><area shape="rect" href="https://example.com"></map>',
            '<map><area shape="rect" href="{}"></map>',
        ),
        (
            '<!--[if mso]><v:roundrect href="https://example.com"><![endif]-->',
            '<!--[if mso]><v:roundrect href="{}"><![endif]-->',
        ),
        (
            '<a {{#if html.v}}class="x" {{/if}}href="https://example.com">',
            '<a {{#if html.v}}class="x" {{/if}}href="{}">',
        ),
    ],
)
def test_links_are_found_however_they_are_written(element: str, made: str) -> None:
    key = key_of("https://example.com")
    link = f"{{{{#if html.mp_click}}}}{{{{html.mp_click}}}}{key}{{{{else}}}}https://example.com{{{{/if}}}}"
    assert rewritten(element)[0] == made.replace("{}", link)


def test_one_address_has_one_key_however_often_it_stands_there() -> None:
    html = '<a href="https://example.com/?a&amp;b">1</a><a href=\'https://example.com/?a&b\'>2</a><a href="https://example.org">3</a>'
    made, targets = rewritten(html)
    assert sorted(targets.values()) == ["https://example.com/?a&b", "https://example.org"]
    assert made.count(key_of("https://example.com/?a&b")) == 2


def _enters(tag: str) -> bool:
    return "each" in tag or "with html" in tag


BLOCKS = [
    ("{{#each html.items}}", "{{else}}", "{{/each}}"),
    ("{{#with html.shop_of}}", "{{else}}", "{{/with}}"),
    ("{{#with this}}", "{{else}}", "{{/with}}"),
    ("{{#if html.yes}}", "{{else}}", "{{/if}}"),
    ("{{#unless html.no}}", "{{else}}", "{{/unless}}"),
    ("{{~#each html.items~}}", "{{~else~}}", "{{~/each~}}"),
]


@pytest.mark.parametrize(
    ("outer", "inner"),
    [
        (outer, inner)
        for outer in BLOCKS
        for inner in BLOCKS
        if "this" not in outer[0] and ("this" not in inner[0] or _enters(outer[0]))
    ],
)
def test_inside_of_blocks_people_get_the_same_link(
    outer: tuple[str, str, str], inner: tuple[str, str, str]
) -> None:
    link = '<a href="https://example.com/{}">x</a>'
    up = "../" if _enters(outer[0]) else ""
    opening = inner[0].replace(" html", f" {up}html")
    depth = _enters(outer[0]) + _enters(inner[0])
    html = (
        f"{outer[0]}\n{opening}\n  {link.format('{{' + '../' * depth + 'html.name}}')}\n{inner[1]}{link.format(2)}"
        f"{inner[2]}{link.format(3)}{outer[1]}{link.format(4)}{outer[2]}\n{link.format(5)}"
    )
    made, targets = rewritten(html)
    assert sorted(targets.values()) == [
        f"https://example.com/{end}" for end in ("2", "3", "4", "5", "{{html.name}}")
    ]
    assert own_links.without_own_links(made) == html
    for full in (True, False):
        values: dict[str, Any] = {
            "items": [{"a": 1}, {"a": 2}] if full else [],
            "shop_of": {"a": 1} if full else "",
            "yes": full,
            "no": not full,
        }
        plain = shown(html, **values)
        assert shown(made, **values) == plain
        counted = shown(made, START, **values)
        back = counted
        for key, target in targets.items():
            back = back.replace(START + key, target.replace("{{html.name}}", "Ann"))
        assert back == plain
        assert "https://example.com" not in counted


def test_deeper_than_a_template_may_be_links_stay_plain() -> None:
    link = '<a href="https://example.com">x</a>'
    deep = "{{#if html.v}}" * MAX_DEPTH + link + "{{/if}}" * MAX_DEPTH
    assert rewritten(deep) == (deep, {})
    made, targets = rewritten(link + deep)
    assert list(targets.values()) == ["https://example.com"]
    assert made.endswith(deep)
    assert parse_part(made, Part.HTML).is_valid


def test_what_would_be_too_large_for_a_template_is_left_as_it_is() -> None:
    full = '<a href="https://example.com">x</a>' + "x" * (MAX_BYTES - 60)
    assert rewritten(full) == (full, {})
    assert with_own_pixel(full) == full
    many = "".join(f'<a href="https://example.com/{n}">x</a>' for n in range(1300))
    assert rewritten(many) == (many, {})


def test_a_site_without_an_address_has_none() -> None:
    html = '<a href="https://example.com">x</a>'
    assert with_own_links(html, public_url="", constants={}) == (html, {})


@pytest.mark.parametrize(
    ("html", "after"),
    [
        ("<html><body><p>Hi</p></BODY></html>", "</BODY></html>"),
        ("<p>Hi</p>", ""),
        ("<body>Hi\n</body>\n<!-- </body> -->", "</body>\n<!-- </body> -->"),
        ("", ""),
    ],
)
def test_the_pixel_is_the_last_thing_of_the_body_of_whom_may_be_counted(html: str, after: str) -> None:
    made = with_own_pixel(html)
    assert shown(made) == html
    counted = shown(made, "", f"{SITE}/o/T.gif")
    before = html.removesuffix(after) if after else html
    assert re.fullmatch(
        re.escape(before)
        + rf'<img src="{SITE}/o/T\.gif" width="1" height="1" alt=""[^<>]*>'
        + re.escape(after),
        counted,
    )


def test_the_pixel_inside_a_loop_finds_its_variable() -> None:
    made = with_own_pixel("{{#each html.items}}<body>{{this}}</body>{{/each}}")
    assert shown(made, opened="P", items=["a"]).count('<img src="P"') == 1


def test_the_link_that_no_reader_sees_is_counted_too() -> None:
    html = with_honeypot('<body><a href="https://example.com">x</a></body>', SITE)
    made, targets = rewritten(html)
    assert sorted(targets.values()) == ["https://example.com", f"{SITE}/mp-trap/"]
    assert shown(made) == html


@pytest.mark.parametrize(
    "html",
    [
        "<a " * 20_000,
        "<a href=" * 20_000,
        '<a href="' * 20_000,
        "<a x='" * 20_001,
        "<a " + "x " * 40_000,
        "<a " + "= " * 40_000,
        "</body" * 20_000,
        "<!-- </body" * 20_000,
        "<a href=" + "y" * 60_000 + "'>",
    ],
)
def test_broken_html_costs_no_more_than_a_pass(html: str) -> None:
    assert rewritten(html)[1] == {}
    with_own_pixel(html)


BEGINNINGS = st.sampled_from(
    ["", "https://example.com", "https://{{html.host}}", "{{html.shop}}", "HTTP://a.example:80"]
)
SPELLINGS = ["%2f", "\u3002", "&#47;", "&sol;", "\uff0f", "&bsol;", "\\"]
SIGNS = [
    "https://",
    "//",
    "/",
    "?",
    "#",
    "@",
    ":",
    ".",
    "a",
    "example.com",
    " ",
    "{{html.name}}",
    "{{html.host}}",
]
PIECES = st.lists(st.sampled_from([*SIGNS, *SPELLINGS]), max_size=6).map("".join)
VALUES = st.sampled_from(
    [
        "evil.example",
        "/evil.example",
        "@evil.example",
        "\\evil.example",
        "//evil.example/",
        "#",
        "?",
        ".",
        ":80",
    ]
)


@given(start=BEGINNINGS, rest=PIECES, value=VALUES)
def test_nobodys_data_chooses_the_host(start: str, rest: str, value: str) -> None:
    _, targets = rewritten(f'<a href="{start}{rest}">x</a>')
    for target in targets.values():
        address = own_links.settled(target, CONSTANTS)
        host = own_links.host_of(address)
        final = own_links.as_header(address.replace("\ue000", value))
        assert host
        assert own_links.host_of(address.replace("\ue000", value)) == host
        assert urlsplit(final).netloc == host
        assert final.isascii()
        assert "\\" not in final
        assert "evil" not in host


def test_what_reports_show_and_what_a_header_says() -> None:
    address = own_links.settled("https://bücher.example/ä b/{{html.name}}?h={{html.host}}", CONSTANTS)
    assert own_links.is_personal(address)
    assert own_links.shared(address) == "https://bücher.example/ä b/…?h=shop.example"
    assert not own_links.is_personal(own_links.settled("{{html.shop}}", CONSTANTS))
    assert own_links.as_header('https://Bücher.example:8443/ä b?q="<%20>\\{') == (
        "https://xn--bcher-kva.example:8443/%C3%A4%20b?q=%22%3C%20%3E%5C%7B"
    )
    assert own_links.as_header("HTTP://example.com") == "http://example.com/"
    for wrong in (
        "",
        "https://",
        "javascript:alert(1)",
        "https://a/\r\nX: y",
        "https://a b/",
        "//a/",
        "https://[::1]/",
    ):
        with pytest.raises(ValueError, match="no web address"):
            own_links.as_header(wrong)


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
        (
            '<a href="https://me:word@example.com/?a=1&amp;b=2">',
            "https://me:word@example.com/?a=1&b=2",
            Why.DOUBT,
        ),
    ],
)
def test_what_stays_uncounted_is_said_with_its_reason(html: str, address: str, why: Why) -> None:
    both = f'<a href="https://example.com/counted">x</a>{html}{html}'
    assert plain_links(both, public_url=SITE, constants=CONSTANTS) == [PlainLink(address, why)]


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
    assert plain_links(html, public_url=SITE, constants=CONSTANTS) == []


def test_a_value_that_the_campaign_lacks_is_nobodys_data() -> None:
    html = '<a href="{{html.shop}}">x</a>'
    assert plain_links(html, public_url=SITE, constants={"shop": ""}) == []
    assert [link.why for link in plain_links(html, public_url=SITE, constants={})] == [Why.HOST]


def test_links_of_a_mail_that_would_become_too_large_are_all_uncounted() -> None:
    html = '<a href="https://example.com">x</a>'
    html += "x" * (MAX_BYTES - len(html))
    assert plain_links(html, public_url=SITE, constants={}) == [PlainLink("https://example.com", Why.ROOM)]
