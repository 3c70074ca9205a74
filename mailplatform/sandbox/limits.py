"""SES's two quotas: recipients per second with a short burst, and recipients per rolling 24 hours."""

import time
from collections import deque

from .errors import ApiError

_DAY = 24 * 3600
_SLOT = 60


def throttled() -> ApiError:
    """SES's words for a rate above the account's."""
    return ApiError("TooManyRequestsException", "Maximum sending rate exceeded.", 429)


def over_quota() -> ApiError:
    """SES's words for a day's quota used up."""
    return ApiError("TooManyRequestsException", "Daily message quota exceeded.", 429)


class TokenBucket:
    """Tokens are recipients. Full at the start; holds ``burst`` seconds of the rate, at least one token."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self._tokens = self.capacity
        self._at = time.monotonic()

    @property
    def capacity(self) -> float:
        """The most tokens it can hold."""
        return max(1.0, self.rate * self.burst)

    def take(self, count: int) -> None:
        """Take ``count`` tokens or raise the throttle, taking none."""
        now = time.monotonic()
        self._tokens = min(self.capacity, self._tokens + max(0.0, now - self._at) * self.rate)
        self._at = now
        # A tiny debt from floating point is no reason to refuse.
        if self._tokens + 1e-9 < count:
            raise throttled()
        self._tokens -= count


class DailyQuota:
    """Recipients of the last 24 hours, by the minute."""

    def __init__(self) -> None:
        self._slots: deque[tuple[int, int]] = deque()
        self._sum = 0

    def used(self, now: float) -> int:
        """Recipients counted in the 24 hours before ``now``."""
        while self._slots and self._slots[0][0] * _SLOT <= now - _DAY:
            self._sum -= self._slots.popleft()[1]
        return self._sum

    def add(self, count: int, now: float) -> None:
        """Count recipients."""
        slot = int(now // _SLOT)
        if self._slots and self._slots[-1][0] == slot:
            count_before = self._slots.pop()[1]
            self._slots.append((slot, count_before + count))
        else:
            self._slots.append((slot, count))
        self._sum += count
