"""Links that expire, for what a person does on hosted pages besides leaving: confirm, see their data, be erased.

The same 40 characters as an unsubscribe link (`campaigns.tokens`), under a key of each purpose's own: a link for one
act opens no other, and what it is about and until when it works stand in it, authenticated and masked.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

from mailplatform.core import clock, keys

from .tokens import InvalidToken, TokenCodec

Purpose = Literal["confirm", "data", "erase"]
CONFIRM: Final[Purpose] = "confirm"
DATA: Final[Purpose] = "data"
ERASE: Final[Purpose] = "erase"
PATHS: Final[dict[Purpose, str]] = {CONFIRM: "/c/", DATA: "/m/", ERASE: "/e/"}
# How long a link to somebody's data, or to their erasure, works.
STEP_UP_MINUTES: Final = 30


@dataclass(frozen=True, slots=True)
class HostedClaim:
    """What a genuine link says: the request or person it is about, and until when it works."""

    reference: int
    until: datetime

    @property
    def is_over(self) -> bool:
        """Whether its time is past."""
        return clock.now() >= self.until


@lru_cache
def _codec(purpose: Purpose) -> TokenCodec:
    name = f"hosted-{purpose}"
    return TokenCodec([keys.derive(name)], name)


def make(purpose: Purpose, *, reference: int, until: datetime) -> str:
    """Return the token of a link."""
    return _codec(purpose).make(int(until.timestamp()), reference)


def read(purpose: Purpose, token: str) -> HostedClaim:
    """Return what the token says, also when it is over. Raises `InvalidToken` unless it was made here for this."""
    seconds, reference, kind = _codec(purpose).read(token)
    if kind:
        message = "unknown kind of token"
        raise InvalidToken(message)
    return HostedClaim(reference, datetime.fromtimestamp(seconds, UTC))
