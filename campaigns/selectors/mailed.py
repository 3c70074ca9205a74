"""Who was given a mail, or may have been: asked by the undo of imports and by the rule for people who want less mail.

There is no index of deliveries by person, so both look them up run by run, by the primary key.
"""

import datetime as dt
from collections.abc import Sequence
from typing import Final

from subscribers.selectors.mailed import LONGEST_GAP_DAYS

from ..models import Delivery, DeliveryState, Run

# The runs are read once per query, not per person: nothing in that part names one. What is in flight counts as well,
# so that two campaigns at the same time do not both reach somebody. OFFSET 0 keeps the planner from reading a whole
# run for each person. A mail that is about to be sent again (`resend`) is not held against itself.
_MARKETING_SINCE: Final = """(EXISTS (
    SELECT FROM unnest(ARRAY(
        SELECT r.id FROM campaigns_run r WHERE r.frozen->>'kind' = 'marketing'
        AND (r.finished_at IS NULL OR r.finished_at > {now} - interval '{longest} days')
    )) recent(id) CROSS JOIN LATERAL (
        SELECT FROM campaigns_delivery x WHERE x.run_id = recent.id AND x.subscriber_id = {s}.id AND x.at > {since}
        AND (x.state = 'accepted' OR x.state = 'unresolved' AND x.reason <> 'resend') OFFSET 0) given
) OR {s}.id IN (
    SELECT unnest(c.subscriber_ids) FROM campaigns_call c JOIN campaigns_run r ON r.id = c.run_id
    WHERE c.state = 'in_flight' AND r.frozen->>'kind' = 'marketing'
))"""


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


def marketing_since_sql(subscriber: str, since: str, now: str) -> str:
    """Return the condition that `subscribers.selectors.mailed` describes."""
    return _MARKETING_SINCE.format(s=subscriber, since=since, now=now, longest=LONGEST_GAP_DAYS)
