"""The schedules at Amazon, by what came of them: a rule that acts and is not heard looks well at Amazon."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from events.services import account_work
from mailplatform.accounts.services import installation
from mailplatform.aws.checkup import Finding, Level
from mailplatform.aws.provision import due
from mailplatform.core import clock


def firings() -> Iterator[Finding]:
    """Hold the last firing of each schedule against the times that it names."""
    row = installation.get()
    since = row.provisioning.get("since") or {}
    for item in account_work.schedules() if row.account_id else ():
        name = item["schedule"].name
        made = dt.datetime.fromisoformat(since[name]) if name in since else None
        yield judged(item["schedule"], item["last"], made)


def judged(schedule: Any, last: Any, made: dt.datetime | None) -> Finding:
    """Say whether a schedule that was made at a time, and fired `last`, fired when it should have."""
    subject = f"Schedule {schedule.name}"
    known = [at for at in (made, last and last.scheduled_at) if at]
    heard = (
        f"was last heard of at {last.scheduled_at:%Y-%m-%d %H:%M} UTC" if last else "was never heard of yet"
    )
    missed = due.missed(schedule.expression, max(known), clock.now()) if known else None
    if missed is None:
        return Finding(Level.OK, subject, heard)
    cure = "mend what is said of its rule, topic and subscription, or look at the dead letters"
    detail = f"{heard}, and should have been at {missed:%Y-%m-%d %H:%M} UTC: {cure}"
    return Finding(Level.WARNING, subject, detail)
