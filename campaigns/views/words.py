"""Times in words."""

from typing import Final

_MINUTE: Final = 60
_HOUR: Final = 3600
_DAY: Final = 86_400


def duration(seconds: float) -> str:
    """About how long: "about 40 seconds", "about 12 minutes", "about 3 hours", "about 2 days"."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} seconds"
    for limit, unit, name in ((120 * _MINUTE, _MINUTE, "minutes"), (48 * _HOUR, _HOUR, "hours")):
        if seconds < limit:
            return f"about {round(seconds / unit)} {name}"
    return f"about {round(seconds / _DAY)} days"
