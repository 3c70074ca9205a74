"""The link that no reader can see: once, at the end of the body."""

import pytest

from campaigns.honeypot import with_honeypot

SITE = "https://mail.example.org"


@pytest.mark.parametrize(
    ("html", "after"),
    [
        ("<html><body><p>Hi</p></BODY></html>", "</BODY></html>"),
        ("<p>{{#if name}}Hi{{/if}}</p>", ""),
        ("<body>İ</body>", "</body>"),
        ("", ""),
    ],
)
def test_it_is_the_last_thing_of_the_body(html: str, after: str) -> None:
    made = with_honeypot(html, SITE)
    assert made.endswith(f"</div>{after}")
    assert made.count(f'href="{SITE}/mp-trap/" tabindex="-1"') == 1
    assert 'aria-hidden="true"' in made
    assert with_honeypot(made, SITE) == made


def test_a_site_without_an_address_has_none() -> None:
    assert with_honeypot("<p>Hi</p>", "") == "<p>Hi</p>"
