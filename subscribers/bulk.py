"""The work of an act over many people, chunk by chunk; `services.bulk` starts it.

From the newest person down, each chunk in a transaction of its own, so that a worker killed anywhere goes on where it
was. Nobody is put on a list without a basis, and nobody who left it.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from django.db import IntegrityError, connection, transaction

from mailplatform.accounts.services import audit
from mailplatform.core import clock

from .models import BulkAction, BulkJob, BulkState, Subscriber, SuppressionReason, Tag
from .selectors import subscribers as people
from .selectors.eligibility import REASONS, reason_sql
from .services import profiles, suppression

CHUNK: Final = 1_000
TRIES: Final = 3
LEFT: Final = "left this list by themselves"
PENDING: Final = "have not confirmed their sign-up yet"

# Only those who may get marketing mail, now or after the pause or the time between mails that they asked for.
_LIST_ADD = """
INSERT INTO subscribers_subscription
    (subscriber_id, mailing_list_id, state, source, confirmed_at, created_at, updated_at)
SELECT s.id, %s, 'confirmed', %s, %s, %s, %s
FROM subscribers_subscriber s LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id
WHERE s.id = ANY(%s) AND {reason} IN ('', 'paused', 'too_soon') ORDER BY s.id
ON CONFLICT (subscriber_id, mailing_list_id) DO NOTHING
"""
_LEFT_OUT = """
SELECT CASE coalesce(x.state, '') WHEN 'unsubscribed' THEN 'left' WHEN 'pending' THEN 'pending' ELSE {reason} END,
    count(*)
FROM subscribers_subscriber s LEFT JOIN subscribers_profile p ON p.subscriber_id = s.id
LEFT JOIN subscribers_subscription x ON x.subscriber_id = s.id AND x.mailing_list_id = %s
WHERE s.id = ANY(%s) AND x.state IS DISTINCT FROM 'confirmed' GROUP BY 1
"""


@dataclass(frozen=True)
class Selection:
    """Whom it is about: the ids, or else whoever the people page finds with this query."""

    ids: tuple[int, ...] = ()
    query: str = ""

    @property
    def filters(self) -> people.Filters:
        """Return the filters of the query."""
        return people.Filters.from_query(dict(parse_qsl(self.query)))

    def count(self) -> int:
        """Return how many people that is now."""
        return len(self.ids) or people.total(self.filters)

    def chunk(self, below: int | None, size: int) -> list[int]:
        """Return the next ids, descending."""
        if self.ids:
            return sorted((key for key in self.ids if below is None or key < below), reverse=True)[:size]
        return people.ids(self.filters, below=below, limit=size)


@dataclass
class _Outcome:
    changed: int = 0
    left_out: Counter[str] = field(default_factory=Counter)


def run(*, job_id: int) -> None:
    """Do what is left of a job. Two workers at once share no chunk; a finished job is left alone."""
    tries = 0
    while tries < TRIES:
        try:
            if not _step(job_id):
                return
        except (
            IntegrityError
        ):  # somebody left in between, and the database refused; the next look leaves them out
            tries += 1
        else:
            tries = 0
    BulkJob.objects.filter(pk=job_id, state=BulkState.RUNNING).update(
        state=BulkState.FAILED, finished_at=clock.now(), error="The people changed again and again meanwhile."
    )


@transaction.atomic
def _step(job_id: int) -> bool:
    """Do one chunk; return whether there may be more."""
    job = BulkJob.objects.select_for_update().filter(pk=job_id, state=BulkState.RUNNING).first()
    if job is None:
        return False
    selection = Selection(tuple(job.selection.get("ids", ())), job.selection.get("query", ""))
    ids = selection.chunk(job.below, CHUNK)
    if ids:
        outcome = _ACTS[BulkAction(job.action)](job, sorted(ids))
        job.changed += outcome.changed
        job.left_out = dict(Counter(job.left_out) + outcome.left_out)
        job.below = ids[-1]
    else:
        _finish(job)
    job.save()
    return bool(ids)


def _finish(job: BulkJob) -> None:
    job.state, job.finished_at = BulkState.DONE, clock.now()
    job.selection = {}  # a search may hold an address, which must not outlive an erasure
    if job.action == BulkAction.DELETE_TAG:
        Tag.objects.filter(pk=job.target["tag_id"]).delete()
    audit.record(
        actor=job.created_by,
        action=f"people.bulk_{job.action}_done",
        obj=job,
        detail={"changed": job.changed, "left_out": sum(job.left_out.values())},
    )


def _add_tag(job: BulkJob, ids: Sequence[int]) -> _Outcome:
    sql = """
        INSERT INTO subscribers_subscriber_tags (subscriber_id, tag_id)
        SELECT s.id, t.id FROM subscribers_subscriber s JOIN subscribers_tag t ON t.id = %s
        WHERE s.id = ANY(%s) ORDER BY s.id ON CONFLICT DO NOTHING
    """
    return _with_profiles(sql, [job.target["tag_id"], list(ids)], ids)


def _remove_tag(job: BulkJob, ids: Sequence[int]) -> _Outcome:
    sql = "DELETE FROM subscribers_subscriber_tags WHERE tag_id = %s AND subscriber_id = ANY(%s)"
    return _with_profiles(sql, [job.target["tag_id"], list(ids)], ids)


def _add_to_list(job: BulkJob, ids: Sequence[int]) -> _Outcome:
    list_id, now, reason = job.target["list_id"], clock.now(), reason_sql("marketing")
    source = f"put on the list by user {job.created_by_id}"
    sql = _LIST_ADD.format(reason=reason)
    outcome = _with_profiles(sql, [list_id, source, now, now, now, list(ids)], ids)
    words = REASONS | {"left": LEFT, "pending": PENDING}
    with connection.cursor() as cursor:
        cursor.execute(_LEFT_OUT.format(reason=reason), [list_id, list(ids)])
        outcome.left_out = Counter(
            {words[code]: number for code, number in cursor.fetchall() if code in words}
        )
    return outcome


def _take_off_list(job: BulkJob, ids: Sequence[int]) -> _Outcome:
    """The row goes; whoever left by themselves keeps theirs, which says so."""
    sql = (
        "DELETE FROM subscribers_subscription"
        " WHERE mailing_list_id = %s AND subscriber_id = ANY(%s) AND state <> 'unsubscribed'"
    )
    return _with_profiles(sql, [job.target["list_id"], list(ids)], ids)


def _block(job: BulkJob, ids: Sequence[int]) -> _Outcome:
    source = f"user {job.created_by_id}" if job.created_by_id else "system"
    keys = Subscriber.objects.filter(pk__in=ids).values_list("email_key", flat=True)
    now, reason = clock.now(), SuppressionReason.MANUAL.value
    rows = [suppression.KeyRow(bytes(key), reason, source, job.target["reason"], now) for key in keys]
    with connection.cursor() as cursor:
        return _Outcome(suppression.suppress_keys(cursor, rows))


def _forget_field(job: BulkJob, ids: Sequence[int]) -> _Outcome:
    sql = """
        UPDATE subscribers_subscriber SET fields = fields - %s
        WHERE id = ANY(%s) AND jsonb_exists(fields, %s)
    """
    return _with_profiles(sql, [job.target["key"], list(ids), job.target["key"]], ids)


def _with_profiles(sql: str, params: Sequence[Any], ids: Sequence[int]) -> _Outcome:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        changed = cursor.rowcount
    profiles.refresh(subscriber_ids=ids)
    return _Outcome(changed)


_ACTS: Final[dict[BulkAction, Callable[[BulkJob, Sequence[int]], _Outcome]]] = {
    BulkAction.TAG: _add_tag,
    BulkAction.UNTAG: _remove_tag,
    BulkAction.DELETE_TAG: _remove_tag,
    BulkAction.LIST_ADD: _add_to_list,
    BulkAction.LIST_REMOVE: _take_off_list,
    BulkAction.BLOCK: _block,
    BulkAction.FORGET_FIELD: _forget_field,
}
