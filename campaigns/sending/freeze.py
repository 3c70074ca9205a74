"""Put every id of an audience into exactly one batch, in one statement.

The ineligible are in it too: whether a person may be mailed is decided at the cut, and each becomes a row
with a reason. Nobody who joins later is in a batch, and nobody is ever decided into another one: who changes
their language or moves to another time zone afterwards gets the mail once, as it was frozen.

The order is drawn by lot (a hash of run and person, so a repeat draws the same): the first thousand are then a
fair sample of all, and the safety stop judges the list by it rather than by one import's dead addresses.

A batch holds people of one template version, hence of one language, and, where each gets the mail at their
own local time, of one instant. It all happens inside Postgres and in the caller's transaction: a worker that is
killed leaves nothing half, and its memory does not grow with the audience.
"""

import datetime as dt
import re
from typing import Any, Final

from django.db import connection

from subscribers.selectors import audience as audience_selector

from ..models import Run, RunPurpose
from ..selectors import failed
from . import zones

BATCH_SIZE: Final = 500

_INSERT: Final = """
    INSERT INTO campaigns_batch (run_id, number, attempt, state, subscriber_ids, count, cursor,
        template_version_id, sender_id, language, not_before, local_at)
"""
# A million ids are sorted in memory (56 MB), not on disk; until the end of the transaction.
_MEMORY: Final = "SELECT set_config('work_mem', '64MB', true)"
_COUNT: Final = "SELECT count(*), coalesce(sum(count), 0) FROM made"
_FREEZE: Final = f"""
WITH audience AS ({{audience}}),
numbered AS (
    SELECT subscriber_id,
        (row_number() OVER (ORDER BY hashint8extended(subscriber_id, %s)) - 1) / %s AS number
    FROM audience
),
made AS ({_INSERT}
    SELECT %s, number, 1, 'waiting', array_agg(subscriber_id), count(*), 0, %s, %s, '', NULL, NULL
    FROM numbered GROUP BY number
    RETURNING count
)
{_COUNT}
"""  # noqa: S608 - made of our own fragments; every value is a parameter
# A language is matched exactly ("de-at"), then by its first part ("de"); else the campaign's own version.
_FREEZE_SPLIT: Final = f"""
WITH audience AS ({{audience}}),
versions AS (SELECT * FROM unnest(%(languages)s::text[], %(versions)s::bigint[]) AS v(language, id)),
times AS (SELECT * FROM unnest(%(zones)s::text[], %(instants)s::timestamptz[]) AS t(zone, at)),
placed AS (
    SELECT a.subscriber_id, coalesce(exact.id, first.id, %(version)s) AS version,
        coalesce(exact.language, first.language, '') AS language, coalesce(times.at, %(otherwise)s) AS at
    FROM audience a
    LEFT JOIN subscribers_subscriber s ON s.id = a.subscriber_id
    LEFT JOIN versions exact ON exact.language = replace(lower(s.language), '_', '-')
    LEFT JOIN versions first ON first.language = split_part(replace(lower(s.language), '_', '-'), '-', 1)
    LEFT JOIN times ON times.zone = s.time_zone
),
numbered AS (
    SELECT *, (row_number() OVER (PARTITION BY version, language, at
        ORDER BY hashint8extended(subscriber_id, %(run)s)) - 1) / %(size)s AS part
    FROM placed
),
made AS ({_INSERT}
    SELECT %(run)s, row_number() OVER (ORDER BY at NULLS FIRST, part, version) - 1, 1, 'waiting',
        array_agg(subscriber_id), count(*), 0, version, %(sender)s, language, at, at
    FROM numbered GROUP BY version, language, at, part
    RETURNING count
)
{_COUNT}
"""  # noqa: S608 - made of our own fragments; every value is a parameter


def ensure_partition(run_id: int) -> None:
    """Make the partition for the run's deliveries; outside of the freeze, as it locks the table."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT campaigns_ensure_delivery_partition(%s)", [run_id])


def freeze(run: Run) -> None:
    """Make the batches and set `audience` and `batches` of the run, in the caller's transaction.

    Raises `SegmentBrokenError`; nothing is made then.
    """
    sql, found = _audience(run)
    others = {language: id_ for language, id_ in run.frozen.get("versions", {}).items() if language}
    with connection.cursor() as cursor:
        cursor.execute(_MEMORY)
        if others or run.frozen.get("local_at"):
            cursor.execute(*_split(run, sql, found, others))
        else:
            sender_id = run.campaign.sender_id or 0
            params = [*found, run.pk, BATCH_SIZE, run.pk, run.template_version_id, sender_id]
            cursor.execute(_FREEZE.format(audience=sql), params)
        run.batches, run.audience = cursor.fetchone()
    run.save(update_fields=["batches", "audience", "updated_at"])


def _audience(run: Run) -> tuple[str, list[Any]]:
    """Whom the launch chose, those who failed in the run that this one tries again, or the first newcomers."""
    if run.purpose == RunPurpose.FAILED and run.source_run_id is not None:
        sql, ids = failed.audience_sql(run.source_run_id)
        return sql, list(ids)
    if run.purpose == RunPurpose.SIGNUP:
        return "SELECT unnest(%s::bigint[]) AS subscriber_id", [run.frozen["people"]]
    sql, found = audience_selector.audience_sql(spec_of(run.frozen))
    return sql, list(found)


def _split(run: Run, sql: str, found: list[Any], others: dict[str, int]) -> tuple[str, dict[str, Any]]:
    """The statement that splits, and its parameters; those of the audience get names as well."""
    named = {f"a{number}": value for number, value in enumerate(found)}
    names = iter(named)
    audience = re.sub("%s", lambda _: f"%({next(names)})s", sql)
    at_zone, otherwise = _times(run)
    values = {
        "run": run.pk,
        "size": BATCH_SIZE,
        "version": run.template_version_id,
        "sender": run.campaign.sender_id or 0,
        "languages": list(others),
        "versions": list(others.values()),
        "zones": list(at_zone),
        "instants": list(at_zone.values()),
        "otherwise": otherwise,
    }
    return _FREEZE_SPLIT.replace("{audience}", audience), values | named


def _times(run: Run) -> tuple[dict[str, dt.datetime], dt.datetime | None]:
    """When people of each zone get the mail, and when those of whom no zone is known; nothing: at once."""
    wall = run.frozen.get("local_at")
    if not wall:
        return {}, None
    local = dt.datetime.fromisoformat(wall)
    return zones.instants(local), zones.instant(local, run.frozen.get("local_zone", "UTC"))


def spec_of(frozen: dict[str, list[int]]) -> audience_selector.AudienceSpec:
    """The audience that a launch froze."""
    return audience_selector.AudienceSpec(
        list_ids=tuple(frozen["list_ids"]),
        segment_ids=tuple(frozen["segment_ids"]),
        excluded_list_ids=tuple(frozen["excluded_list_ids"]),
        excluded_segment_ids=tuple(frozen["excluded_segment_ids"]),
    )
