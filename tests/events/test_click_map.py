"""Numbers on the links of a mail: each link that is counted gets its own, and nothing else of the mail changes."""

import re

import pytest

from events.click_map import Mark, annotate, shown_links

SPAN = re.compile(r"<span style=[^>]*>([^<]*)</span>")


def marks(mail: str, clicked: dict[str, Mark]) -> list[str]:
    return SPAN.findall(annotate(mail, clicked))


@pytest.mark.parametrize(
    ("link", "address"),
    [
        ('<a href="https://shop.example/a?x=1&amp;y=2">Go</a>', "https://shop.example/a?x=1&y=2"),
        ("<A class=x HREF='https://shop.example/a'>Go</A>", "https://shop.example/a"),
        ('<a title="1 > 0" href="https://shop.example/a">Go</a>', "https://shop.example/a"),
        (
            '<a href="https://news.example/v/eyJhbGciOiJIUzI1NiJ9abc/">Look</a>',
            "https://news.example/v/…",
        ),
    ],
)
def test_link_is_found_by_the_address_that_is_counted(link: str, address: str) -> None:
    assert shown_links(link) == {address}
    assert marks(link, {address: Mark(3, 5, 10)}) == ["3 · 50 %"]


@pytest.mark.parametrize(
    "link",
    [
        '<a ses:no-track href="https://news.example/u/x/">Leave</a>',
        '<a href="mailto:help@shop.example">Write</a>',
        '<a href="#top">Up</a>',
        "<a name=top></a>",
        '<a href="https://news.example/mp-trap/?r=1">never seen</a>',
        "<abbr href='https://shop.example'>x</abbr>",
    ],
)
def test_what_is_never_counted_gets_no_mark(link: str) -> None:
    assert shown_links(link) == set()
    assert annotate(link, {}) == link


def test_same_address_twice_carries_the_sum_twice_and_the_rest_stays() -> None:
    mail = '<p>a<a href="https://a.example/">1</a><img src=x><a href="https://a.example/">2</a>'
    marked = annotate(mail + '<a href="https://b.example/">3</a>', {"https://a.example/": Mark(1, 1, 4)})
    assert SPAN.findall(marked) == ["1 · 25 %", "1 · 25 %", "0 %"]
    assert SPAN.sub("", marked) == mail + '<a href="https://b.example/">3</a>'


def test_nobody_clicked() -> None:
    assert Mark(1, 0, 0).share == 0


@pytest.mark.parametrize(
    ("address", "is_same"),
    [
        ("https://shop.example/?name=&x=1", True),
        ("https://shop.example/?name=friend&x=1", True),
        ("https://shop.example/?name=friend&x=2", False),
        ("https://other.example/?name=friend&x=1", False),
    ],
)
def test_link_with_something_of_each_person_is_one_link(address: str, is_same: bool) -> None:
    counted = "https://shop.example/?name=…&x=1"
    mail = f'<a href="{address}">Go</a>'
    assert shown_links(mail, [counted]) == {counted if is_same else address}
    assert marks(mail, {counted: Mark(2, 1, 2)}) == ["2 · 50 %" if is_same else "0 %"]


def test_a_bare_ampersand_is_no_letter() -> None:
    assert shown_links('<a href="https://shop.example/?a=1&region=2">Go</a>') == {
        "https://shop.example/?a=1&region=2"
    }
