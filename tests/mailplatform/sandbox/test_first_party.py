"""What a mail carries whose sender counts by itself."""

import pytest

from mailplatform.sandbox.first_party import Carried, carried_by
from mailplatform.sandbox.message import Link

HOSTS = {"127.0.0.1", "mail.example.org"}


def test_pixel_and_links_are_found_in_order_and_unescaped() -> None:
    text = (
        '<a class="x" href="https://mail.example.org/l/t/1?a=1&amp;b=2">one</a>'
        "<A HREF='http://127.0.0.1:8000/l/t/2'></A>"
        '<img alt="" src="https://mail.example.org/o/t.gif"><img src="https://mail.example.org/o/second.gif">'
    )
    assert carried_by(text, HOSTS) == Carried(
        "https://mail.example.org/o/t.gif",
        [Link("https://mail.example.org/l/t/1?a=1&b=2"), Link("http://127.0.0.1:8000/l/t/2", is_empty=True)],
    )


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        '<a href="https://shop.example/l/t/1">another host</a>',
        '<a href="https://mail.example.org/u/t/">another page</a> /l/ /o/',
        '<img src="https://mail.example.org/media/1.png"> /o/',
        '<a href="http://[mail.example.org/l/t/1">no address</a>',
        '<a href="/l/t/1">no host</a>',
        '<a href="ftp://mail.example.org/l/t/1">no web address</a>',
        "<a name='x'>/l/</a>",
        '<link href="https://mail.example.org/l/t/1">',
    ],
)
def test_nothing_else_is_taken_for_it(text: str | None) -> None:
    assert carried_by(text, HOSTS) == Carried()
