"""What the account may send: read from SES, kept in Postgres, turned into buckets."""

import datetime as dt

from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.aws import ses
from mailplatform.core import clock

from . import limiter, timing


def refresh() -> Installation:
    """Read GetAccount and keep it. Raises AccountUnreadableError, AwsConfigurationError."""
    account = ses.get_account(installation.aws_connection())
    return installation.update(
        actor=None,
        max_send_rate=account.max_send_rate,
        max_24_hour_send=account.max_24_hour_send,
        sent_last_24_hours=account.sent_last_24_hours,
        production_access=account.production_access,
        sending_enabled=account.sending_enabled,
        enforcement_status=account.enforcement_status,
        quota_read_at=clock.now(),
    )


def current(*, at_most: dt.timedelta = timing.QUOTA_REFRESH) -> Installation:
    """The installation with account figures no older than `at_most`. Raises as `refresh()`."""
    row = installation.get()
    if row.quota_read_at is None or clock.now() - row.quota_read_at > at_most:
        return refresh()
    return row


def buckets(row: Installation, *, run_id: int | None = None, cap: int | None = None) -> list[limiter.Bucket]:
    """The buckets to take from: the account's, first, and the run's own cap if it has one."""
    region = installation.region(row)
    found = [limiter.Bucket(limiter.account_key(row.account_id or "unknown", region), row.max_send_rate)]
    if run_id is not None and cap:
        found.append(limiter.Bucket(limiter.run_key(run_id), float(cap)))
    return found


def room(row: Installation) -> float | None:
    """How many recipients the daily quota still has room for; None when there is no limit."""
    if row.max_24_hour_send < 0:
        return None
    return max(0.0, row.max_24_hour_send - row.sent_last_24_hours)


def obstacle(row: Installation) -> str:
    """Why the account as a whole cannot send now, in plain words; '' when it can."""
    if not row.sending_enabled:
        return "Amazon SES has switched off sending for this account."
    if row.enforcement_status == "SHUTDOWN":
        return "Amazon SES has shut down sending for this account (enforcement status SHUTDOWN)."
    if row.max_send_rate <= 0:
        return "Amazon SES allows this account no sending rate."
    return ""
