"""What the page and segments read of the sunset policy."""

from collections.abc import Iterator

from django.db.models import Count

from events.models import Sunset, SunsetStage
from subscribers.segments.catalogue import Kind, Subject

_IN_STAGE = (
    "EXISTS (SELECT FROM events_sunset z WHERE z.subscriber_id = p.subscriber_id AND z.stage = %s::smallint)"
)


def counts() -> dict[str, int]:
    """Return how many people are in each stage, by the stage's name (one query)."""
    counted = Sunset.objects.values("stage").annotate(number=Count("pk"))
    found = {row["stage"]: row["number"] for row in counted}
    return {stage.name.lower(): found.get(stage.value, 0) for stage in SunsetStage}


def subjects() -> Iterator[Subject]:
    """Return what segments may ask. Of people who may not be counted it is not known."""
    yield Subject(
        "sunset",
        "Sunset policy: they",
        Kind.REPORT,
        choices=tuple((str(stage.value), str(stage.label)) for stage in SunsetStage),
        reactions={"counted_in": f"(p.opens_allowed OR p.clicks_allowed) AND {_IN_STAGE}"},
        known={"counted_in": "(p.opens_allowed OR p.clicks_allowed)"},
    )
