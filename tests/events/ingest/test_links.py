"""What belongs to one person is left out of a counted link."""

import pytest

from events.ingest import links


@pytest.mark.parametrize(
    ("link", "shared"),
    [
        ("https://x.example/a?b=c#d", "https://x.example/a?b=c#d"),
        ("https://x.example/u/abcdefghijklmnopqrstuvwxyz123/", "https://x.example/u/…"),
        ("https://x.example/p/abcdefghijklmnopqrstuvwxyz123", "https://x.example/p/…"),
        ("https://x.example/u/short/", "https://x.example/u/short/"),
        ("https://x.example/?m=ada@y.example", "https://x.example/?m=…"),
        ("https://x.example/?m=ADA%40Y.example", "https://x.example/?m=…"),
        ("https://x.example/?m=bob@y.example", "https://x.example/?m=bob@y.example"),
        ("", ""),
    ],
)
def test_shared_address(link: str, shared: str) -> None:
    assert links.shared_address(link, "ada@y.example") == shared


def test_digest_is_short_and_stable() -> None:
    assert links.digest("x") == links.digest("x") != links.digest("y")
    assert len(links.digest("x")) == 16


def test_long_link_is_cut() -> None:
    assert len(links.shared_address("https://x.example/" + "a" * 9_000, "")) == links.MAX_LENGTH


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("550 5.1.1 <Ada.Lovelace@Y.example> unknown", "550 5.1.1 <…> unknown"),
        ("forwarded to other@z.example: full", "forwarded to …: full"),
        ("mailbox ada.lovelace is full", "mailbox … is full"),
        ("smtp; 550 user unknown", "smtp; 550 user unknown"),
        ("", ""),
    ],
)
def test_servers_words_name_nobody(said: str, kept: str) -> None:
    assert links.impersonal(said, "ada.lovelace@y.example") == kept


def test_short_local_part_is_no_name() -> None:
    assert links.impersonal("no such user", "no@y.example") == "no such user"
