"""The one source of the current time, so that tests can inject another."""

import datetime as dt

from django.utils import timezone


def now() -> dt.datetime:
    """Return the current time, aware, in UTC."""
    return timezone.now()
