"""Who of some people was given a mail, or may have been: asked before people of an import are removed again."""

import datetime as dt
from collections.abc import Sequence

from ..models import Delivery, DeliveryState, Run


def mailed_since(subscriber_ids: Sequence[int], moment: dt.datetime) -> set[int]:
    """Return whom a run launched since the moment reached, or may have reached; looked up run by run."""
    found: set[int] = set()
    for run_id in Run.objects.filter(launched_at__gte=moment).values_list("pk", flat=True):
        rows = Delivery.objects.filter(
            run_id=run_id,
            subscriber_id__in=list(subscriber_ids),
            state__in=(DeliveryState.ACCEPTED, DeliveryState.UNRESOLVED),
        )
        found.update(rows.values_list("subscriber_id", flat=True))
    return found
