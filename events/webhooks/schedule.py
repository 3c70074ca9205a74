"""When a message is tried again: at once after a hiccup, up to a day after. Pure."""

import random
from datetime import timedelta
from typing import Final

# After the first try; together 23 hours and 36 minutes.
WAITS: Final = tuple(
    timedelta(seconds=seconds) for seconds in (5, 60, 300, 1_800, 7_200, 18_000, 28_800, 28_800)
)
TRIES: Final = len(WAITS) + 1
SPREAD: Final = 0.1


def next_wait(attempts: int, *, retry_after_s: int = 0, rng: random.Random | None = None) -> timedelta | None:
    """Return how long to wait after so many tries, spread by a tenth so that crowds part; None: give up.

    A server that asks for more time (Retry-After) gets it, up to an hour.
    """
    if attempts >= TRIES:
        return None
    wait = WAITS[max(0, attempts - 1)]
    spread = (rng or random.Random()).uniform(1 - SPREAD, 1 + SPREAD)  # noqa: S311 - not a secret
    return max(wait * spread, timedelta(seconds=retry_after_s))
