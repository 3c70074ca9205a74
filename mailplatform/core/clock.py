"""The one source of the current time, so that tests can inject another.

In a trial against the sandbox `settings.CLOCK_FILE` may name a file that holds the seconds by which this clock is
wrong: the fault lab moves the clocks of running processes by it. Anywhere else the start is refused
(`accounts/checks.py`).
"""

import datetime as dt
from pathlib import Path

from django.conf import settings
from django.utils import timezone


def now() -> dt.datetime:
    """Return the current time, aware, in UTC."""
    return timezone.now() + error() if settings.CLOCK_FILE else timezone.now()


def error() -> dt.timedelta:
    """By how much this clock was set wrong; zero where nobody did, or where the file does not hold a number."""
    if not settings.CLOCK_FILE:
        return dt.timedelta()
    try:
        return dt.timedelta(seconds=float(Path(settings.CLOCK_FILE).read_text(encoding="ascii")))
    except (OSError, ValueError):
        return dt.timedelta()
