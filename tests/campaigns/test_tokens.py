import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns import tokens
from campaigns.tokens import TOKEN_LENGTH, InvalidToken, TokenCodec

KEY = b"k" * 32
CODEC = TokenCodec([KEY], "unsubscribe")


@given(run=st.integers(0, 2**48 - 1), person=st.integers(0, 2**56 - 1))
def test_reads_what_it_made(run: int, person: int) -> None:
    token = CODEC.make(run, person)
    assert len(token) == TOKEN_LENGTH
    assert CODEC.read(token) == (run, person, 0)


def test_is_stable_so_that_old_mail_keeps_its_way_out() -> None:
    assert CODEC.make(7, 12) == CODEC.make(7, 12)
    assert CODEC.make(7, 12) == TokenCodec([KEY], "unsubscribe").make(7, 12)


@pytest.mark.parametrize("position", range(TOKEN_LENGTH))
def test_every_character_counts(position: int) -> None:
    token = CODEC.make(7, 12)
    other = "A" if token[position] != "A" else "B"
    with pytest.raises(InvalidToken):
        CODEC.read(token[:position] + other + token[position + 1 :])


@pytest.mark.parametrize("length", [0, 1, 10, 20, 38, 39])
def test_cut_short(length: int) -> None:
    with pytest.raises(InvalidToken):
        CODEC.read(CODEC.make(7, 12)[:length])


@pytest.mark.parametrize(
    "token", ["", "x", "é" * 40, "=" * 40, "A" * 40, "A" * 41, " " * 40, "A" * 39 + "\n"]
)
def test_nonsense(token: str) -> None:
    with pytest.raises(InvalidToken):
        CODEC.read(token)


def test_another_purpose_or_installation_is_foreign() -> None:
    token = CODEC.make(7, 12)
    for codec in (TokenCodec([KEY], "confirm"), TokenCodec([b"other" * 8], "unsubscribe")):
        with pytest.raises(InvalidToken):
            codec.read(token)


def test_parts_of_two_tokens_do_not_make_a_third() -> None:
    first, second = CODEC.make(7, 12), CODEC.make(8, 12)
    for cut in range(1, TOKEN_LENGTH):
        mixed = first[:cut] + second[cut:]
        if mixed not in {first, second}:
            with pytest.raises(InvalidToken):
                CODEC.read(mixed)


def test_a_rotated_key_still_reads_old_tokens() -> None:
    old = CODEC.make(7, 12)
    rotated = TokenCodec([b"n" * 32, KEY], "unsubscribe")
    assert rotated.read(old) == (7, 12, 0)
    assert rotated.make(7, 12) != old


def test_ids_cannot_be_seen_and_neighbours_share_nothing() -> None:
    first, second = CODEC.make(1, 1), CODEC.make(1, 2)
    assert sum(a == b for a, b in zip(first, second, strict=True)) < 10


def test_refuses_weak_keys_and_ids_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        TokenCodec([b"short"], "x")
    with pytest.raises(ValueError, match="32 bytes"):
        TokenCodec([], "x")
    with pytest.raises(ValueError, match="fit"):
        CODEC.make(2**48, 1)


def test_a_token_that_counts_opens_nothing_else() -> None:
    token = tokens.make_tracking_token(7, 12)
    assert tokens.read_tracking_token(token) == (7, 12)
    for read in (tokens.read_unsubscribe_token, tokens.read_archive_token):
        with pytest.raises(InvalidToken):
            read(token)
    others = (
        tokens.make_unsubscribe_token(7, 12),
        tokens.make_archive_token(7),
        tokens.make_test_token(7, 12),
    )
    for other in (*others, tokens.tracking_codec().make(7, 12, 1)):
        with pytest.raises(InvalidToken):
            tokens.read_tracking_token(other)
