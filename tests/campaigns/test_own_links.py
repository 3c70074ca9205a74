"""Links and a pixel of our own: where they stand, and what they leave alone."""

import re
from typing import Any

import pytest

from campaigns import own_links
from campaigns.honeypot import with_honeypot
from campaigns.own_links import key_of, with_own_links, with_own_pixel
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
