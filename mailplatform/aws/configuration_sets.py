"""The four configuration sets: which of opens and clicks SES tracks is a property of the set, not of the mail.

SES tracks whatever an event destination of the set asks for, so `none` must not even name OPEN or CLICK.
https://docs.aws.amazon.com/ses/latest/dg/configuration-sets.html
"""

from typing import Final

DESTINATION: Final = "mailplatform-events"
METRICS_DESTINATION: Final = "mailplatform-metrics"
SUPPRESSED_REASONS: Final = ["BOUNCE", "COMPLAINT"]
TRACKED: Final = {
    "none": frozenset[str](),
    "opens": frozenset({"OPEN"}),
    "clicks": frozenset({"CLICK"}),
    "both": frozenset({"OPEN", "CLICK"}),
}
ALWAYS: Final = frozenset(
    {
        "SEND",
        "REJECT",
        "BOUNCE",
        "COMPLAINT",
        "DELIVERY",
        "RENDERING_FAILURE",
        "DELIVERY_DELAY",
        "SUBSCRIPTION",
    }
)


def name_of(prefix: str, tracking: str) -> str:
    """Return the set's name; `tracking` is none, opens, clicks or both."""
    return f"{prefix}-{tracking}"
