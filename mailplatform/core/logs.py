"""What the logs must not hold: who read which mail, anybody's address, and the secrets in readers' links."""

import logging
import re
from collections.abc import MutableMapping
from typing import Any

# Links in mails act without a sign-in, so the token in their path is a secret.
_SECRET_PATHS = re.compile(r"(/(?:u|p|v|c|m|e|l|o|account/password/reset/key)/)[^/\s?]+")
_QUERY = re.compile(r"\?\S*")
# A password in the address of a server looks alike, and goes, too.
_ADDRESS = re.compile(r"[^\s<>()\[\]\"',;:/]+@[^\s<>()\[\]\"',;:/]+")


def brief(record: logging.LogRecord) -> bool:
    """Take the traceback from what Django refused: a 403 or 404 is an answer, not a fault; one line is enough."""
    if record.name == "django.request" and getattr(record, "status_code", 500) < 500:
        record.exc_info = None
    return True


def discreet(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop IP and user agent; hide tokens in paths, addresses, and the query, in which people search for addresses.

    Every text of the line is looked at, also those of libraries and of exceptions: Django writes the path of each
    request that it refuses, and Postgres the values that it could not store.
    """
    event.pop("ip", None)
    event.pop("user_agent", None)
    for name, value in event.items():
        if isinstance(value, str):
            text = _QUERY.sub("?…", value) if name == "request" else value
            event[name] = hidden(text)
    return event


def hidden(text: str) -> str:
    """Return the text without addresses, and without the tokens of readers' links."""
    return _ADDRESS.sub("…", _SECRET_PATHS.sub(r"\1…", text))
