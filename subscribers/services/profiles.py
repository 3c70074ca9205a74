"""Keeping the narrow profile rows true, in the transaction of whatever changed the person.

Consent columns belong to `services.consent`; here are the lists, the tags, the copies of custom fields, and the
engagement that arrives with events.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from mailplatform.core import arrays

from ..models import CustomField, FieldType, Profile, Subscriber

Engagement = tuple[int, datetime | None, datetime | None, datetime | None, int, int]

_ALL_SLOTS = ("text_1", "text_2", "text_3", "text_4", "number_1", "number_2", "date_1", "date_2")

_REFRESH = """
WITH ids AS MATERIALIZED (SELECT unnest(%(ids)s::bigint[]) AS id)
INSERT INTO subscribers_profile (
    subscriber_id, joined_at, marketing_basis, contract_basis, service_basis, opens_allowed, clicks_allowed,
    opens, clicks, list_ids, tag_ids, {columns})
SELECT s.id, s.created_at, 'none', FALSE, FALSE, FALSE, FALSE, 0, 0,
    COALESCE(l.ids, '{{}}'), COALESCE(t.ids, '{{}}'), {values}
FROM subscribers_subscriber s
JOIN ids ON ids.id = s.id
LEFT JOIN (
    SELECT x.subscriber_id, array_agg(x.mailing_list_id ORDER BY x.mailing_list_id) AS ids
    FROM subscribers_subscription x JOIN ids ON ids.id = x.subscriber_id
    WHERE x.state = 'confirmed' GROUP BY 1) l ON l.subscriber_id = s.id
LEFT JOIN (
    SELECT x.subscriber_id, array_agg(x.tag_id ORDER BY x.tag_id) AS ids
    FROM subscribers_subscriber_tags x JOIN ids ON ids.id = x.subscriber_id GROUP BY 1) t ON t.subscriber_id = s.id
ORDER BY s.id
ON CONFLICT (subscriber_id) DO UPDATE SET
    list_ids = excluded.list_ids, tag_ids = excluded.tag_ids, {updates}
WHERE ({old}) IS DISTINCT FROM ({new})
"""

_LOCK = "SELECT 1 FROM subscribers_profile WHERE subscriber_id = ANY(%s::bigint[]) ORDER BY subscriber_id FOR UPDATE"

_TOUCH = """
UPDATE subscribers_profile p SET
    last_sent_at = GREATEST(p.last_sent_at, v.sent), last_opened_at = GREATEST(p.last_opened_at, v.opened),
    last_clicked_at = GREATEST(p.last_clicked_at, v.clicked), opens = p.opens + v.opens, clicks = p.clicks + v.clicks
FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::int[], %s::int[])
    AS v(id, sent, opened, clicked, opens, clicks)
WHERE p.subscriber_id = v.id
"""


_LOCK_ONE = "SELECT 1 FROM subscribers_profile WHERE subscriber_id = %s FOR NO KEY UPDATE"
_CORRECT = """
UPDATE subscribers_profile SET opens = greatest(0, opens + %s), clicks = greatest(0, clicks + %s),
    last_opened_at = %s, last_clicked_at = %s
WHERE subscriber_id = %s
"""


def refresh(*, subscriber_ids: Sequence[int]) -> None:
    """Copy lists, tags and custom fields of these people into their profiles; make the profiles that are missing.

    One statement for any number of people; rows are locked in the order of their ids. Call it in the transaction
    that changed the people.
    """
    if not subscriber_ids:
        return
    sql, params = _refresh_sql()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, {**params, "ids": sorted(subscriber_ids)})


def slot_values() -> tuple[dict[str, str], dict[str, str]]:
    """Return, for each slot of the profile, the SQL that reads it from the fields of `s`, and its parameters."""
    fields = dict(CustomField.objects.exclude(slot="").values_list("slot", "key"))
    types = dict(CustomField.objects.exclude(slot="").values_list("slot", "type"))
    values = {slot: _slot_value(types.get(slot, ""), slot) for slot in _ALL_SLOTS}
    return values, {f"key_{slot}": key for slot, key in fields.items()}


def _refresh_sql() -> tuple[str, dict[str, str]]:
    values, params = slot_values()
    names = ("list_ids", "tag_ids", *_ALL_SLOTS)
    sql = _REFRESH.format(
        columns=", ".join(_ALL_SLOTS),
        values=", ".join(values.values()),
        updates=", ".join(f"{slot} = excluded.{slot}" for slot in _ALL_SLOTS),
        old=", ".join(f"subscribers_profile.{name}" for name in names),
        new=", ".join(f"excluded.{name}" for name in names),
    )
    return sql, params


def _slot_value(field_type: str, slot: str) -> str:
    """Return the SQL for a slot; the field's key is the parameter `key_<slot>`."""
    key = f"%(key_{slot})s"
    if field_type == FieldType.NUMBER:
        return f"CASE WHEN jsonb_typeof(s.fields->{key}) = 'number' THEN (s.fields->>{key})::double precision END"
    if field_type == FieldType.DATE:
        return f"CASE WHEN s.fields->>{key} ~ '^\\d{{4}}-\\d\\d-\\d\\d$' THEN (s.fields->>{key})::date END"
    if field_type:
        return f"s.fields->>{key}"
    kind = {"t": "text", "n": "double precision", "d": "date"}[slot[0]]
    return f"NULL::{kind}"


def refresh_all(*, step: int = 10_000) -> int:
    """Refresh every profile, a step at a time in transactions of their own; return how many people there are."""
    last, done = 0, 0
    while ids := list(
        Subscriber.objects.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:step]
    ):
        refresh(subscriber_ids=ids)
        last, done = ids[-1], done + len(ids)
    return done


def forget(*, subscriber_ids: Sequence[int]) -> None:
    """Remove the profiles of people who are removed."""
    Profile.objects.filter(pk__in=subscriber_ids).delete()


def touch_engagement(cursor: Any, rows: Sequence[Engagement], *, is_locked: bool = False) -> None:
    """Add engagement to existing profiles; never makes one, so an erased person stays erased.

    Rows are ``(subscriber_id, last_sent_at, last_opened_at, last_clicked_at, opens, clicks)``, one per person;
    moments may be None, the counts are added. Runs in the caller's transaction and locks in the order of the ids,
    so that several writers cannot deadlock; `is_locked` says that the caller did.
    """
    if not rows:
        return
    ids, sent, opened, clicked, opens, clicks = zip(*rows, strict=True)
    people, times = arrays.plain(ids), [arrays.times(column) for column in (sent, opened, clicked)]
    if not is_locked:
        cursor.execute(_LOCK, [people])
    cursor.execute(_TOUCH, [people, *times, arrays.plain(opens), arrays.plain(clicks)])


def lock_engagement(cursor: Any, subscriber_id: int) -> None:
    """Lock one profile, if there is one, before its engagement is corrected: first of all locks, as the ingest does."""
    cursor.execute(_LOCK_ONE, [subscriber_id])


def correct_engagement(
    cursor: Any,
    subscriber_id: int,
    *,
    opens: int,
    clicks: int,
    last_opened_at: datetime | None,
    last_clicked_at: datetime | None,
) -> None:
    """Add to the counts (usually less than nothing) and set the moments, after hits turned out to be a machine's.

    Runs in the caller's transaction, under `lock_engagement`.
    """
    cursor.execute(_CORRECT, [opens, clicks, last_opened_at, last_clicked_at, subscriber_id])


def set_engagement(*, subscriber_id: int, values: Mapping[str, Any]) -> None:
    """Set counts and moments of one profile to what the events say; for repairs."""
    allowed = {"opens", "clicks", "last_opened_at", "last_clicked_at", "last_sent_at"}
    Profile.objects.filter(pk=subscriber_id).update(**{key: values[key] for key in allowed & values.keys()})
