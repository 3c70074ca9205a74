import pytest

from campaigns.headers import (
    InvalidHeader,
    check_headers,
    feedback_tags,
    list_id_header,
    make_header,
    make_tag,
    unsubscribe_headers,
)


def test_list_unsubscribe_comes_before_its_post_header() -> None:
    assert unsubscribe_headers("https://m.example.com/u/abc") == [
        {"Name": "List-Unsubscribe", "Value": "<https://m.example.com/u/abc>"},
        {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
    ]


@pytest.mark.parametrize(
    "url",
    [
        "http://m.example.com/u",
        "mailto:leave@example.com",
        "https://",
        "/u/abc",
        "https://m.example.com/u>,<https://evil.example",
        "https://m.example.com/a b",
        "https://m.example.com/ü",
        "https://m.example.com/u\r\nBcc: x@example.com",
        "https://m.example.com/" + "x" * 1000,
    ],
)
def test_refuses_an_address_that_receivers_would_not_follow(url: str) -> None:
    with pytest.raises(InvalidHeader):
        unsubscribe_headers(url)


def test_plain_http_needs_to_be_allowed_by_name() -> None:
    assert unsubscribe_headers("http://127.0.0.1:8000/u/a", allow_http=True)[0]["Value"].startswith("<http:")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", "x"),
        ("A:B", "x"),
        ("A B", "x"),
        ("Ä", "x"),
        ("X" * 127, "x"),
        ("X", ""),
        ("X", "ü"),
        ("X", "a\nb"),
        ("X", "a" * 996),
        ("XX", "a" * 995),
        ("Subject", "x"),
        ("message-id", "x"),
        ("BCC", "x"),
    ],
)
def test_refuses_headers_that_ses_refuses(name: str, value: str) -> None:
    with pytest.raises(InvalidHeader):
        make_header(name, value)


def test_accepts_a_header_at_the_limits() -> None:
    assert make_header("X", "a" * 995)["Name"] == "X"


def test_list_id() -> None:
    assert list_id_header("news-7", "example.com", 'Our "News"')["Value"] == '"Our News" <news-7.example.com>'
    assert list_id_header("news", "example.com", "Größe")["Value"] == "<news.example.com>"
    with pytest.raises(InvalidHeader):
        list_id_header("a b", "example.com")


def test_feedback_tags() -> None:
    assert feedback_tags("c-12", "inst") == [
        {"Name": "ses:feedback-id-a", "Value": "c-12"},
        {"Name": "ses:feedback-id-b", "Value": "inst"},
    ]


@pytest.mark.parametrize(("name", "value"), [("a b", "x"), ("a", "x.y"), ("a", ""), ("a", "x" * 257)])
def test_refuses_bad_tags(name: str, value: str) -> None:
    with pytest.raises(InvalidHeader):
        make_tag(name, value)


def test_a_set_of_headers_is_limited_and_unique() -> None:
    check_headers([make_header(f"X-{n}", "v") for n in range(15)])
    with pytest.raises(InvalidHeader, match="16 headers"):
        check_headers([make_header(f"X-{n}", "v") for n in range(16)])
    with pytest.raises(InvalidHeader, match="twice"):
        check_headers([make_header("X-A", "v"), make_header("x-a", "w")])
