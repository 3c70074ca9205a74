"""What filters take for spam in markup is named; ordinary mails are left in peace."""

import pytest

from campaigns.rendering.checks import check_template
from campaigns.rendering.sources import Source
from campaigns.rendering.spam import find_spam
from campaigns.services.template_gallery import STARTERS

WORDS = "<p>" + "A few words about our new books and where to find them this week. " * 3 + "</p>"


def codes(html: str, subject: str = "News for you") -> set[str]:
    checked = check_template(Source(subject=subject, html=html, text="x"), known={"name"})
    return {finding.code for finding in find_spam(checked, subject=subject)}


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        ("Re: your order", "false_reply"),
        ("FWD: look at this", "false_reply"),
        ("BUY NOW AND SAVE, {{name}}", "loud_subject"),
        ("Win a prize!!!", "loud_marks"),
        ("Only today! Only here! Only you!", "loud_marks"),
    ],
)
def test_subject(subject: str, code: str) -> None:
    assert codes(WORDS, subject) == {code}


@pytest.mark.parametrize(
    "subject", ["Retail news", "NASA und ESA", "Wow! {{name}}", "日本語のお知らせです", "20 % off"]
)
def test_ordinary_subject(subject: str) -> None:
    assert codes(WORDS, subject) == set()


@pytest.mark.parametrize(
    ("html", "code"),
    [
        ('<a href="https://bit.ly/3x">Look</a>', "short_link"),
        ('<a href="https://203.0.113.7/x">Look</a>', "numeric_link"),
        ('<a href="https://evil.example/x">www.bank.example</a>', "false_link"),
        ('<p onclick="x()">Go</p>', "handler"),
        ('<td style="color: #FFF; background-color:#fff">free money</td>', "hidden_text"),
    ],
)
def test_markup(html: str, code: str) -> None:
    assert codes(WORDS + html) == {code}


@pytest.mark.parametrize(
    "html",
    [
        '<a href="https://www.shop.example/a">shop.example</a>',
        '<a href="https://shop.example/a">Visit news.shop.example</a>',
        '<a href="{{name}}">shop.example</a>',
        '<a href="mailto:a@b.example">b.example</a>',
        '<p style="color:#fff;background:#000">seen</p>',
    ],
)
def test_ordinary_markup(html: str) -> None:
    assert codes(WORDS + html) == set()


def test_pictures_alone() -> None:
    assert codes('<img src="https://shop.example/a.png" alt="Sale">') == {"few_words"}
    assert codes(WORDS + '<img src="https://shop.example/a.png" alt="Sale">') == set()


def test_starters_are_no_spam() -> None:
    for starter in STARTERS.values():
        checked = check_template(
            Source(subject=starter.subject, html=starter.html, text=starter.text, kind=starter.kind), known=()
        )
        assert find_spam(checked, subject=starter.subject) == [], starter.slug
