"""What a monitoring system may know about sending."""

import datetime as dt
from collections.abc import Callable, Iterator

from django.db import connection

from mailplatform.accounts.services import installation
from mailplatform.core import clock
from mailplatform.core.metrics import Metric, Sample, register

from .selectors import daily
from .sending import pace

_RUNS = (
    "SELECT state, count(*) FROM campaigns_run WHERE state IN ('preparing', 'sending', 'paused') GROUP BY 1"
)
_WAITING = """
SELECT coalesce(sum(b.count - b.cursor), 0) FROM campaigns_batch b JOIN campaigns_run r ON r.id = b.run_id
WHERE b.state <> 'done' AND r.state IN ('preparing', 'sending', 'paused')
"""
_IN_FLIGHT = "SELECT count(*) FROM campaigns_call WHERE state = 'in_flight'"
# The first condition is that of the partial index.
_UNRESOLVED = """
SELECT count(*) FROM campaigns_delivery
WHERE (state = 'unresolved' OR reason = 'not_confirmed') AND state = 'unresolved'
"""


def connect() -> None:
    """Tell the core what can be measured here; called once, as the process starts."""
    register(
        Metric("mailplatform_runs", "Runs of campaigns that are not over, by state.", _runs),
        Metric(
            "mailplatform_recipients_waiting",
            "People of those runs whose mail has not left.",
            _number(_WAITING),
        ),
        Metric(
            "mailplatform_calls_in_flight", "Calls to Amazon SES without an answer yet.", _number(_IN_FLIGHT)
        ),
        Metric(
            "mailplatform_recipients_unresolved",
            "People whose answer of Amazon SES was lost.",
            _number(_UNRESOLVED),
        ),
        Metric("mailplatform_sent_last_24_hours", "Recipients of the calls of the last 24 hours.", _sent),
        Metric(
            "mailplatform_quota_24_hours", "What Amazon SES allows in 24 hours; -1 without a limit.", _quota
        ),
        Metric("mailplatform_rate_limit", "Recipients a second that Amazon SES allows.", _rate),
        Metric(
            "mailplatform_rate_factor",
            "Share of that rate in use; below 1 after Amazon SES throttled.",
            _factor,
        ),
        Metric("mailplatform_rate_tokens", "Recipients that could be sent to at once.", _tokens),
    )


def _number(sql: str) -> Callable[[], list[Sample]]:
    """Return what reads the one number of a query."""

    def read() -> list[Sample]:
        with connection.cursor() as cursor:
            cursor.execute(sql)
            return [Sample(float(cursor.fetchone()[0]))]

    return read


def _runs() -> Iterator[Sample]:
    with connection.cursor() as cursor:
        cursor.execute(_RUNS)
        found = dict(cursor.fetchall())
    for state in ("preparing", "sending", "paused"):
        yield Sample(found.get(state, 0), {"state": state})


def _sent() -> list[Sample]:
    return [Sample(daily.sent_since(clock.now() - dt.timedelta(days=1)))]


def _quota() -> list[Sample]:
    return [Sample(installation.get().max_24_hour_send)]


def _rate() -> list[Sample]:
    return [Sample(installation.get().max_send_rate)]


def _factor() -> Iterator[Sample]:
    if found := pace.now(installation.get()):
        yield Sample(found.factor)


def _tokens() -> Iterator[Sample]:
    if found := pace.now(installation.get()):
        yield Sample(found.tokens)
