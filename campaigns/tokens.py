"""The token of an unsubscribe link: short, unguessable, bound to one run and one person, valid for ever.

40 characters, base64url of 30 bytes: a 16-byte authentication tag and 14 masked bytes (version, kind, run,
subscriber). The tag is keyed BLAKE2b (RFC 7693) over the 14 bytes; the mask is derived from the tag, so the
ids cannot be read from the link and neighbouring tokens share nothing. A token never expires: mail stays
around for years, and a way out that stopped working would be worse than none.
"""

import hashlib
import hmac
from binascii import Error as Base64Error
from binascii import a2b_base64, b2a_base64
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from mailplatform.core import keys

TOKEN_LENGTH: Final = 40
PURPOSE: Final = "unsubscribe"
_VERSION: Final = 1
_REAL, _TEST = 0, 1
_RUN_BITS, _SUBSCRIBER_BITS = 48, 56
_BODY_BYTES, _TAG_BYTES = 14, 16
_ALPHABET: Final = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


class InvalidToken(ValueError):
    """A token that we did not make: cut short, altered, or made for another purpose or installation."""


@dataclass(frozen=True, slots=True)
class UnsubscribeClaim:
    """What a genuine token says. A test mail's token is genuine and changes nobody."""

    run_id: int
    subscriber_id: int
    is_test: bool = False


class TokenCodec:
    """Makes and reads the tokens of one purpose. The first key signs, all keys read."""

    def __init__(self, keys: Sequence[bytes], purpose: str) -> None:
        if not keys or not all(len(key) >= 32 for key in keys):
            message = "a token key needs at least 32 bytes"
            raise ValueError(message)
        self._pairs = [self._hashers(key, purpose) for key in keys]

    @staticmethod
    def _hashers(key: bytes, purpose: str) -> tuple["hashlib.blake2b", "hashlib.blake2b"]:
        secret = hashlib.sha512(key).digest()
        person = purpose.encode()[:16]
        return (
            hashlib.blake2b(key=secret, digest_size=_TAG_BYTES, salt=b"tag", person=person),
            hashlib.blake2b(key=secret, digest_size=_BODY_BYTES, salt=b"mask", person=person),
        )

    def make(self, run_id: int, subscriber_id: int, kind: int = _REAL) -> str:
        """The token for one mail."""
        if run_id >> _RUN_BITS or subscriber_id >> _SUBSCRIBER_BITS:
            message = "an id does not fit into a token"
            raise ValueError(message)
        number = ((_VERSION << 4 | kind) << 48 | run_id) << 56 | subscriber_id
        body = number.to_bytes(_BODY_BYTES, "big")
        tagger, masker = self._pairs[0]
        hasher = tagger.copy()
        hasher.update(body)
        tag = hasher.digest()
        hasher = masker.copy()
        hasher.update(tag)
        masked = number ^ int.from_bytes(hasher.digest(), "big")
        text = b2a_base64(tag + masked.to_bytes(_BODY_BYTES, "big"), newline=False)
        return text.translate(_TO_URLSAFE).decode()

    def read(self, token: str) -> tuple[int, int, int]:
        """`(run id, subscriber id, kind)`, or `InvalidToken`. Compares in constant time."""
        if len(token) != TOKEN_LENGTH or not _ALPHABET.issuperset(token):
            message = "not a token"
            raise InvalidToken(message)
        try:
            raw = a2b_base64(token.translate(_FROM_URLSAFE), strict_mode=True)
        except Base64Error as error:  # pragma: no cover - 40 characters of the alphabet always decode
            message = "not a token"
            raise InvalidToken(message) from error
        tag, masked = raw[:_TAG_BYTES], int.from_bytes(raw[_TAG_BYTES:], "big")
        for tagger, masker in self._pairs:
            hasher = masker.copy()
            hasher.update(tag)
            number = masked ^ int.from_bytes(hasher.digest(), "big")
            hasher = tagger.copy()
            hasher.update(number.to_bytes(_BODY_BYTES, "big"))
            if hmac.compare_digest(hasher.digest(), tag):
                return self._unpack(number)
        message = "the token was not made here"
        raise InvalidToken(message)

    @staticmethod
    def _unpack(number: int) -> tuple[int, int, int]:
        head = number >> (_RUN_BITS + _SUBSCRIBER_BITS)
        if head >> 4 != _VERSION:
            message = "unknown token version"
            raise InvalidToken(message)
        run_id = number >> _SUBSCRIBER_BITS & (1 << _RUN_BITS) - 1
        return run_id, number & (1 << _SUBSCRIBER_BITS) - 1, head & 0xF


_FROM_URLSAFE = str.maketrans("-_", "+/")
_TO_URLSAFE = bytes.maketrans(b"+/", b"-_")


@lru_cache(maxsize=1)
def codec() -> TokenCodec:
    """The codec of this installation. Its key comes from `DATA_KEY`, which never changes."""
    return TokenCodec([keys.derive(PURPOSE)], PURPOSE)


@lru_cache(maxsize=1)
def _archive_codec() -> TokenCodec:
    """The codec of the public archive: its tokens open nothing else, and no unsubscribe link opens it."""
    return TokenCodec([keys.derive("archive")], "archive")


def make_archive_token(run_id: int) -> str:
    """The token of a run's copy in the public archive; it names nobody."""
    return _archive_codec().make(run_id, 0)


def read_archive_token(token: str) -> int:
    """The run's id. Raises `InvalidToken` unless it was made here for this purpose."""
    return _archive_codec().read(token)[0]


@lru_cache(maxsize=1)
def tracking_codec() -> TokenCodec:
    """The codec of our own links and pixels: its tokens count an open or a click and can do nothing else."""
    return TokenCodec([keys.derive("track")], "track")


def make_tracking_token(run_id: int, subscriber_id: int) -> str:
    """The token in the links and the pixel of one person's mail of one run."""
    return tracking_codec().make(run_id, subscriber_id)


def read_tracking_token(token: str) -> tuple[int, int]:
    """`(run id, subscriber id)`. Raises `InvalidToken` unless it was made here for this purpose."""
    run_id, subscriber_id, kind = tracking_codec().read(token)
    if kind != _REAL:
        message = "no token of a mail that may be counted"
        raise InvalidToken(message)
    return run_id, subscriber_id


def make_unsubscribe_token(run_id: int, subscriber_id: int) -> str:
    """The token for the links of one person's mail of one run."""
    return codec().make(run_id, subscriber_id)


def make_test_token(run_id: int = 0, subscriber_id: int = 0) -> str:
    """A token for test mails: its pages open and say so, and nothing is ever changed by it."""
    return codec().make(run_id, subscriber_id, _TEST)


def read_unsubscribe_token(token: str) -> UnsubscribeClaim:
    """What the token says. Raises `InvalidToken` unless every bit of it was made here for this purpose."""
    run_id, subscriber_id, kind = codec().read(token)
    return UnsubscribeClaim(run_id, subscriber_id, is_test=kind != _REAL)
