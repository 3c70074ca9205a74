"""Opt-in: faults of our own code, told to a Sentry of one's choice. Nothing is sent unless SENTRY_DSN is set.

A report is built from an allow-list: kind and words of the error, and the lines of code that led to it. No request,
user, variable, header, breadcrumb or machine name; addresses and tokens in the words are hidden as in the logs.
"""

import sys
from collections.abc import Mapping
from typing import Any, Final

import sentry_sdk
from sentry_sdk.integrations.logging import LoggingIntegration
from sentry_sdk.utils import event_from_exception

from . import logs

_KEPT: Final = ("event_id", "level", "timestamp", "platform", "sdk", "logger")
_OF_A_FRAME: Final = ("filename", "function", "module", "lineno", "in_app")


def start(dsn: str, *, transport: Any = None) -> None:
    """Report what is logged as an error from now on; does nothing without a DSN."""
    if not dsn:
        return
    sentry_sdk.init(
        dsn=dsn,
        transport=transport,
        # Django and Celery write every unhandled error into the log, too.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[LoggingIntegration(level=None)],
        include_local_variables=False,
        include_source_context=False,
        max_breadcrumbs=0,
        server_name="",
        release="",
        before_send=discreet,  # type: ignore[arg-type] # the SDK has a TypedDict for events, whose names change with it
    )


def discreet(event: Mapping[str, Any], hint: Mapping[str, Any]) -> dict[str, Any]:
    """Return what may leave this machine of an event."""
    kept = {name: event[name] for name in _KEPT if name in event}
    record = hint.get("log_record")
    if record is not None:
        words = record.msg.get("event", "") if isinstance(record.msg, dict) else record.msg
        kept["logentry"] = {"message": logs.hidden(str(words))}
    if not event.get("exception") and sys.exc_info()[0] is not None:
        # The logs have turned the exception into text by now; it is the one that is being handled here.
        event, _ = event_from_exception(sys.exc_info(), client_options=sentry_sdk.get_client().options)
    values = (event.get("exception") or {}).get("values") or []
    kept["exception"] = {"values": [_exception(value) for value in values]}
    return kept


def _exception(value: Mapping[str, Any]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames") or []
    return {
        "type": value.get("type"),
        "module": value.get("module"),
        "value": logs.hidden(str(value.get("value") or "")),
        "stacktrace": {"frames": [{name: frame.get(name) for name in _OF_A_FRAME} for frame in frames]},
    }
