"""Whoever posts nonsense again and again is not read any more; whoever also posts genuine messages is."""

from events.flood import ADDRESSES, BAD_POSTS, TRUSTED_S, WINDOW_S, Flood


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
