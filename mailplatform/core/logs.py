"""What the logs must not hold: who read which mail, and the secrets in readers' links."""

import re
from collections.abc import MutableMapping
from typing import Any

# Links in mails act without a sign-in, so the token in their path is a secret.
_SECRET_PATHS = re.compile(r"(/(?:u|p|v|account/password/reset/key)/)[^/\s?]+")
_QUERY = re.compile(r"\?\S*")


def discreet(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop IP and user agent; hide tokens in paths, and the query, in which people search for addresses."""
    event.pop("ip", None)
    event.pop("user_agent", None)
    if isinstance(request := event.get("request"), str):
        event["request"] = _QUERY.sub("?…", _SECRET_PATHS.sub(r"\1…", request))
    return event
