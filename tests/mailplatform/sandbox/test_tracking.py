"""Pixel and link rewriting."""

import pytest

from mailplatform.sandbox import tracking
from mailplatform.sandbox.constants import OPEN_TRACKER


def rewrite(text: str) -> tuple[str, list[str]]:
    found, links = tracking.rewrite_links(text, lambda number: f"http://s/r/{number}")
    return found, [link.url for link in links]


def test_links_are_rewritten_and_unescaped() -> None:
    text, urls = rewrite(
        '<a class="x" href="https://a.example/?b=1&amp;c=2">x</a> <A HREF=\'http://b.example\'>y</A>'
    )
    assert urls == ["https://a.example/?b=1&c=2", "http://b.example"]
    assert text == '<a class="x" href="http://s/r/0">x</a> <A HREF="http://s/r/1">y</A>'


@pytest.mark.parametrize(
    "text",
    [
        '<a href="mailto:a@b.example">',
        '<a href="#top">',
        '<a name="x">',
        '<link href="https://x.example">',
        "plain",
    ],
)
def test_other_things_stay(text: str) -> None:
    assert rewrite(text) == (text, [])


@pytest.mark.parametrize("attribute", ["ses:no-track", 'ses:no-track=""', "SES:NO-TRACK='x'"])
def test_no_track_is_honoured_and_removed(attribute: str) -> None:
    assert rewrite(f'<a {attribute} href="https://a.example">x</a>') == (
        '<a href="https://a.example">x</a>',
        [],
    )


def test_tags_are_read_and_removed() -> None:
    text, links = tracking.rewrite_links(
        '<a ses:tags="k:v;k:w;b:1;" href="https://a.example">', lambda _n: "U"
    )
    assert text == '<a href="U">'
    assert links[0].tags == {"k": ["v", "w"], "b": ["1"]}


def test_at_most_250_links() -> None:
    _, urls = rewrite('<a href="https://a.example">' * 260)
    assert len(urls) == 250


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<body>x</body></html>", "<body>x[P]</body></html>"),
        ("no body", "no body[P]"),
        (f"a{OPEN_TRACKER}b{OPEN_TRACKER}</body>", "a[P]b</body>"),
    ],
)
def test_the_pixel_finds_its_place(text: str, expected: str) -> None:
    found = tracking.add_pixel(text, "http://s/o/1")
    image = '<img alt="" src="http://s/o/1" style="display: none; width: 1px; height: 1px;">'
    assert found == expected.replace("[P]", image)


def test_untracked_mail_shows_nothing_of_ses() -> None:
    text = f'<a ses:no-track ses:tags="a:b;" href="https://a.example">x</a>{OPEN_TRACKER}'
    found = tracking.drop_placeholder(tracking.strip_attributes(text))
    assert found == '<a href="https://a.example">x</a>'


def test_the_pixel_is_a_gif() -> None:
    assert tracking.PIXEL.startswith(b"GIF89a")
