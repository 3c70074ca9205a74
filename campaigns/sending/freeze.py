"""Put every id of an audience into exactly one batch, in one statement.

The ineligible are in it too: whether a person may be mailed is decided at the cut, and each becomes a row
with a reason. Nobody who joins later is in a batch, and nobody is ever decided into another one.

The order is drawn by lot (a hash of run and person, so a repeat draws the same): the first thousand are then a
fair sample of all, and the safety stop judges the list by it rather than by one import's dead addresses.
"""

from typing import Any, Final

from django.db import connection

from subscribers.selectors import audience as audience_selector

from ..models import Run

BATCH_SIZE: Final = 500

_FREEZE: Final = """
WITH audience AS ({audience}),
numbered AS (
    SELECT subscriber_id,
        (row_number() OVER (ORDER BY hashint8extended(subscriber_id, %s), subscriber_id) - 1) / %s AS number
    FROM audience
),
made AS (
    INSERT INTO campaigns_batch (run_id, number, attempt, state, subscriber_ids, count, cursor,
        template_version_id, sender_id)
    SELECT %s, number, 1, 'waiting', array_agg(subscriber_id ORDER BY subscriber_id), count(*), 0, %s, %s
    FROM numbered GROUP BY number
    RETURNING count
)
SELECT count(*), coalesce(sum(count), 0) FROM made
"""


def ensure_partition(run_id: int) -> None:
    """Make the partition for the run's deliveries; outside of the freeze, as it locks the table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT campaigns_ensure_delivery_partition(%s)", [run_id])


def freeze(run: Run) -> None:
    """Make the batches and set `audience` and `batches` of the run, in the caller's transaction."""
    spec = spec_of(run.frozen)
    sql, found = audience_selector.audience_sql(spec)
    params: list[Any] = list(found)
    sender_id = run.campaign.sender_id or 0
    with connection.cursor() as cursor:
        cursor.execute(
            _FREEZE.format(audience=sql),
            [*params, run.pk, BATCH_SIZE, run.pk, run.template_version_id, sender_id],
        )
        run.batches, run.audience = cursor.fetchone()
    run.save(update_fields=["batches", "audience", "updated_at"])


def spec_of(frozen: dict[str, list[int]]) -> audience_selector.AudienceSpec:
    """The audience that a launch froze."""
    return audience_selector.AudienceSpec(
        list_ids=tuple(frozen["list_ids"]),
        segment_ids=tuple(frozen["segment_ids"]),
        excluded_list_ids=tuple(frozen["excluded_list_ids"]),
        excluded_segment_ids=tuple(frozen["excluded_segment_ids"]),
    )
