"""What the account may send: read from SES, kept in Postgres, turned into buckets and what is left of the day."""

import datetime as dt
import math
import threading
import time
from dataclasses import dataclass
from typing import Final

from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import ses
from mailplatform.core import clock

from ..models import SendingSettings
from ..selectors import daily, sending, sending_settings
from . import limiter, smtp, timing

# What is left is counted again after so long, and the sooner the less is left.
COUNT_EVERY_S: Final = 5.0
# With fewer blocks left than so many, all workers go one after the other, and each counts anew.
NEAR_BLOCKS: Final = 16


@dataclass(frozen=True, slots=True)
class Left:
    """How many recipients may still leave today, None without a limit; at 0 why, and until when."""

    count: int | None = None
    reason: str = ""
    until: dt.datetime | None = None
    by_plan: bool = False

    def is_near_the_end(self, rate: float) -> bool:
        """Whether workers who all take at once could take more than is left."""
        return self.count is not None and self.count < NEAR_BLOCKS * limiter.block_size(rate)


def refresh() -> Installation:
    """Read GetAccount, or what stands for it, and keep it. Raises AccountUnreadableError, AwsConfigurationError."""
    # Taken before the question: what is sent in between rather counts twice than not at all. A clock that is ahead
    # would hide from every other machine what was sent since.
    asked_at = clock.now() - max(sending.clock_error(), dt.timedelta())
    account = ses.get_account(installation.aws_connection()) if smtp.server() is None else smtp.account()
    return installation.update(
        actor=None,
        max_send_rate=account.max_send_rate,
        max_24_hour_send=account.max_24_hour_send,
        sent_last_24_hours=account.sent_last_24_hours,
        production_access=account.production_access,
        sending_enabled=account.sending_enabled,
        enforcement_status=account.enforcement_status,
        quota_read_at=asked_at,
    )


def current(*, at_most: dt.timedelta = timing.QUOTA_REFRESH) -> Installation:
    """The installation with account figures no older than `at_most`. Raises as `refresh()`."""
    row = installation.get()
    if row.quota_read_at is None or clock.now() - row.quota_read_at > at_most:
        return refresh()
    return row


def buckets(
    row: Installation, *, run_id: int | None = None, cap: int | None = None, left: int | None = None
) -> list[limiter.Bucket]:
    """The buckets to take from: the account's, first, and the run's own cap if it has one."""
    region = installation.region(row)
    key = limiter.account_key(row.account_id or "unknown", region)
    found = [limiter.Bucket(key, row.max_send_rate, left)]
    if run_id is not None and cap:
        found.append(limiter.Bucket(limiter.run_key(run_id), float(cap)))
    return found


def room(row: Installation) -> float | None:
    """How many recipients the daily quota had room for when it was read; None when there is no limit."""
    if row.max_24_hour_send < 0:
        return None
    return max(0.0, row.max_24_hour_send - row.sent_last_24_hours)


def left_today(row: Installation, plan: SendingSettings, now: dt.datetime) -> Left:
    """What quota and warm-up plan leave now: as read from SES, less what our own calls took since."""
    found = Left()
    at_reading = room(row)
    if at_reading is not None:
        since = daily.sent_since_reading(row.quota_read_at) if row.quota_read_at else 0
        count = max(0, math.floor(at_reading) - since)
        whose = "the Amazon SES account" if smtp.server() is None else "the SMTP server, SMTP_PER_DAY"
        words = f"The daily quota of {whose} ({row.max_24_hour_send:,.0f}) is used up."
        found = Left(count, words, now + timing.QUOTA_PARK)
    limit = daily.warm_up_limit(plan, now.astimezone(dt.UTC).date())
    if limit is not None:
        midnight = daily.start_of_day(now)
        count = max(0, limit - daily.sent_since(midnight))
        if found.count is None or count < found.count:
            words = f"Today's {limit:,} recipients of the warm-up plan are used up."
            found = Left(count, words, midnight + dt.timedelta(days=1), by_plan=True)
    return found


class Budget:
    """What is left of the day, for the lanes of one drain: counted anew the sooner the less is left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left = Left()
        self._valid_until = 0.0

    def forget(self) -> None:
        """Count again at the next question."""
        self._valid_until = 0.0

    def left(self, row: Installation) -> Left:
        """What is left now. Near the end each question counts, so that the last tokens are exact."""
        with self._lock:
            if time.monotonic() >= self._valid_until:
                self._left = left_today(row, sending_settings.get(), clock.now())
                self._valid_until = time.monotonic() + self._good_for(row.max_send_rate)
            return self._left

    def _good_for(self, rate: float) -> float:
        """Seconds in which not even the whole account's rate could use up half of what is left."""
        if self._left.count is None:
            return COUNT_EVERY_S
        spare = self._left.count - NEAR_BLOCKS * limiter.block_size(rate)
        return max(0.0, min(COUNT_EVERY_S, spare / (2 * max(rate, 0.1))))


def obstacle(row: Installation) -> str:
    """Why the account as a whole cannot send now, in plain words; '' when it can."""
    if not row.sending_enabled:
        return "Amazon SES has switched off sending for this account."
    if row.enforcement_status == "SHUTDOWN":
        return "Amazon SES has shut down sending for this account (enforcement status SHUTDOWN)."
    if row.max_send_rate <= 0:
        return "Amazon SES allows this account no sending rate."
    return ""
