"""Whoever posts nonsense again and again is not read any more; whoever also posts genuine messages is."""

import pytest

from mailplatform.core.flood import ADDRESSES, BAD_POSTS, TRUSTED_S, WINDOW_S, Flood, network_of


def make(at: list[float]) -> Flood:
    return Flood(lambda: at[0])


def test_a_stranger_is_held_back_for_the_rest_of_the_minute() -> None:
    at = [0.0]
    flood = make(at)
    for _ in range(BAD_POSTS):
        assert not flood.is_held_back("192.0.2.1")
        flood.refused("192.0.2.1")
    assert flood.is_held_back("192.0.2.1")
    assert not flood.is_held_back("192.0.2.2")
    at[0] = WINDOW_S
    assert not flood.is_held_back("192.0.2.1")


def test_an_address_that_posts_genuine_messages_is_always_read() -> None:
    at = [0.0]
    flood = make(at)
    flood.believed("proxy")
    for _ in range(BAD_POSTS * 2):
        flood.refused("proxy")
    assert not flood.is_held_back("proxy")
    at[0] = TRUSTED_S
    for _ in range(BAD_POSTS):
        flood.refused("proxy")
    assert flood.is_held_back("proxy")


def test_many_addresses_do_not_fill_the_memory() -> None:
    flood = make([0.0])
    for number in range(ADDRESSES + 10):
        flood.refused(str(number))
    assert len(flood._records) == ADDRESSES


def test_a_limit_of_ones_own() -> None:
    flood = Flood(lambda: 0.0, limit=2)
    flood.refused("a")
    assert not flood.is_held_back("a")
    flood.refused("a")
    assert flood.is_held_back("a")


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", ""),
        ("unix:", "unix:"),
    ],
)
def test_whoever_has_a_whole_network_counts_once(address: str, network: str) -> None:
    assert network_of(address) == network
