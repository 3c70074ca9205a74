"""Deciding, for staged rows, who is new, who changes, and who must be left alone.

Nobody who left, complained, bounced or was erased comes back through a file: such rows are set aside with the
reason. The same query serves the dry run (all rows) and the merge (each chunk again, in its transaction).
"""

import contextlib
import json
from dataclasses import dataclass
from typing import Any, Final

from django.db import DataError, transaction
from django.db.backends.utils import CursorWrapper

from . import policy

# Everything that a chunk is made from, in the order of the file, so that each later statement is one scan of it. No
# key: nothing looks a row up. What picks rows stands first, so that a scan need not take the rest apart.
# `former_reason` is what an earlier look at the row found.
_STAGED: Final = """email, email_key, name, language, time_zone, fields, tags, basis, consent_at, source,
    wording, reference, opens, clicks, ip, requested_at, requested_ip"""
CREATE: Final = """
CREATE TEMP TABLE IF NOT EXISTS import_chunk (
    seq integer, line integer, kind text, reason text, former_reason text, subscriber_id bigint, public_id uuid,
    email text COLLATE "C", email_key bytea, name text, language text, time_zone text,
    fields jsonb, tags text[], basis text, consent_at text, source text, wording text, reference text, opens boolean,
    clicks boolean, ip text, requested_at timestamptz, requested_ip text
) ON COMMIT DELETE ROWS
"""
# A chunk and its records are more than the 8 MB that a session keeps of temporary tables, and would go through files.
# To be said before the session has any; one that had some and took them back can't be told from one that has not.
_ROOM: Final = "SELECT set_config('temp_buffers', '48MB', FALSE) WHERE pg_my_temp_schema() = 0"
# People are looked up one by one, by index, whatever the statistics of a young table say.
BY_INDEX: Final = "SELECT set_config('enable_seqscan', 'off', TRUE)"

_SUPPRESSIONS: Final = (
    "FROM subscribers_suppression x WHERE x.email_key = st.email_key AND x.lifted_at IS NULL"
)
_LOOKED_AT: Final = f"""
SELECT st.*, st.reason AS former_reason, s.id, s.public_id, CASE
    WHEN s.id IS NULL THEN 'new'
    WHEN {policy.CHANGES}
        OR (%(policy)s <> 'skip' AND cardinality(st.tags) > 0 AND (
            SELECT count(*) FROM subscribers_tag t WHERE t.name = ANY(st.tags)
            AND t.id = ANY(COALESCE(s.tag_ids, '{{}}'))) < cardinality(st.tags))
        OR (%(list)s > 0 AND s.state IS DISTINCT FROM 'confirmed')
        OR (st.basis IN ('consent', 'soft_opt_in') AND COALESCE(s.marketing_basis, 'none') = 'none')
    THEN 'changed' ELSE 'same' END AS kind,
CASE
    WHEN EXISTS (SELECT {_SUPPRESSIONS}) THEN (SELECT 'set aside: ' || CASE
        WHEN bool_or(x.reason = 'erased') THEN 'this person asked to be erased'
        WHEN bool_or(x.reason = 'complaint') THEN 'this person complained about our mail'
        WHEN bool_or(x.reason = 'unsubscribe') THEN 'this person unsubscribed from all mail'
        WHEN bool_or(x.reason = 'bounce') THEN 'mail to this address bounced'
        WHEN bool_or(x.reason = 'unreachable') THEN 'mail to this address could not be delivered several times'
        WHEN bool_or(x.reason = 'inactive') THEN 'this person did not react for a long time'
        ELSE 'this address is blocked' END {_SUPPRESSIONS})
    WHEN s.marketing_basis = 'withdrawn' THEN 'set aside: this person withdrew their consent'
    WHEN s.state = 'unsubscribed' THEN 'set aside: this person unsubscribed from the list'
END AS found_reason
FROM subscribers_importstaging st
LEFT JOIN LATERAL (
    SELECT y.*, p.marketing_basis, p.tag_ids, l.state FROM subscribers_subscriber y
    LEFT JOIN LATERAL (SELECT * FROM subscribers_profile z WHERE z.subscriber_id = y.id OFFSET 0) p ON TRUE
    LEFT JOIN LATERAL (
        SELECT z.state FROM subscribers_subscription z
        WHERE z.subscriber_id = y.id AND z.mailing_list_id = %(list)s OFFSET 0) l ON TRUE
    WHERE y.email = st.email OFFSET 0) s ON TRUE
WHERE st.job_id = %(job)s AND st.seq > %(after)s AND st.seq <= %(upto)s
    AND (st.reason IS NULL OR st.reason LIKE 'set aside: %%') ORDER BY st.seq OFFSET 0
"""  # noqa: S608 - made of our own fragments; every value is a parameter
_SORT: Final = f"""
INSERT INTO import_chunk (seq, line, kind, reason, former_reason, subscriber_id, public_id, {_STAGED})
SELECT seq, line, kind, found_reason, former_reason,
    CASE WHEN kind = 'new' AND found_reason IS NULL THEN nextval('subscribers_subscriber_id_seq') ELSE id END,
    CASE WHEN kind = 'new' AND found_reason IS NULL THEN gen_random_uuid() ELSE public_id END, {_STAGED}
FROM ({_LOOKED_AT}) sorted
"""  # noqa: S608 - made of our own fragments; every value is a parameter
_COUNTS: Final = """
SELECT count(*) FILTER (WHERE kind = 'new'), count(*) FILTER (WHERE kind = 'changed'),
    count(*) FILTER (WHERE kind = 'same'), count(*) FILTER (WHERE basis = '')
"""
_COUNT: Final = f"{_COUNTS} FROM import_chunk WHERE reason IS NULL"
# The dry run writes nothing of the many rows of new people.
_COMPARE: Final = f"""
WITH looked_at AS MATERIALIZED (
    SELECT seq, line, kind, found_reason AS reason, former_reason, id, basis FROM ({_LOOKED_AT}) sorted
), noted AS (
    INSERT INTO import_chunk (seq, line, kind, reason, former_reason, subscriber_id)
    SELECT seq, line, kind, reason, former_reason, id FROM looked_at
    WHERE kind <> 'new' OR reason IS DISTINCT FROM former_reason
)
{_COUNTS} FROM looked_at WHERE reason IS NULL
"""  # noqa: S608 - made of our own fragments; every value is a parameter
# Rows that are set aside are few; where somebody came back by their own act since the dry run, the reason goes.
# Found by their place in the table: the statistics of a staging table know nothing of this job, and a join of
# both by the number of the row may then be done row by row.
_REMEMBER: Final = """
UPDATE subscribers_importstaging st SET reason = found.reason FROM (
    SELECT c.reason, y.place FROM import_chunk c CROSS JOIN LATERAL (
        SELECT ctid AS place FROM subscribers_importstaging z WHERE z.job_id = %(job)s AND z.seq = c.seq OFFSET 0) y
    WHERE c.reason IS DISTINCT FROM c.former_reason OFFSET 0) found
WHERE st.ctid = found.place
"""
_SAMPLE: Final = """
SELECT st.line, st.email, st.name, st.fields, COALESCE(c.kind, 'new'), st.basis, left(st.consent_at, 10)
FROM (
    SELECT * FROM subscribers_importstaging WHERE job_id = %(job)s AND seq > %(after)s AND seq <= %(upto)s
    AND reason IS NULL ORDER BY seq LIMIT %(limit)s) st
LEFT JOIN import_chunk c ON c.seq = st.seq ORDER BY st.seq
"""
# Of people we know: what would change, with the values before and after.
_DIFF: Final = f"""
SELECT s.email, {policy.FORMER}, {policy.GIVEN},
    ARRAY(SELECT x FROM unnest(CASE WHEN %(policy)s = 'skip' THEN '{{}}' ELSE st.tags END) x WHERE NOT EXISTS (
        SELECT FROM subscribers_subscriber_tags h JOIN subscribers_tag t ON t.id = h.tag_id
        WHERE h.subscriber_id = s.id AND t.name = x)),
    %(list)s > 0 AND NOT EXISTS (SELECT FROM subscribers_subscription l WHERE l.subscriber_id = s.id
        AND l.mailing_list_id = %(list)s AND l.state = 'confirmed')
FROM (SELECT * FROM import_chunk WHERE kind = 'changed' AND reason IS NULL ORDER BY seq LIMIT %(limit)s) c
JOIN subscribers_importstaging st ON st.job_id = %(job)s AND st.seq = c.seq
JOIN subscribers_subscriber s ON s.id = c.subscriber_id ORDER BY c.seq
"""  # noqa: S608 - made of our own fragments; every value is a parameter


_LABELS: Final = {"name": "Name", "language": "Language", "time_zone": "Time zone"}


@dataclass(frozen=True)
class Counts:
    """How many rows of a range are new, changed, unchanged, and without any basis."""

    new: int = 0
    changed: int = 0
    same: int = 0
    without_basis: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        """Of both ranges together."""
        return Counts(
            self.new + other.new,
            self.changed + other.changed,
            self.same + other.same,
            self.without_basis + other.without_basis,
        )


def compare(cursor: CursorWrapper, params: dict[str, Any]) -> Counts:
    """Compare the staged rows of a job with ``after < seq <= upto`` with the people we know; return the counts.

    `params` holds job, after, upto, list (0 for none) and policy (what becomes of data of people we know). Only rows
    of people we know and rows that are set aside are noted in `import_chunk`. Runs in the caller's transaction.
    """
    _begin(cursor)
    cursor.execute(_COMPARE, params)
    counts = Counts(*cursor.fetchone())
    cursor.execute(_REMEMBER, params)
    return counts


def sort_rows(cursor: CursorWrapper, params: dict[str, Any]) -> Counts:
    """As `compare`, but fill `import_chunk` with all that later statements need; return the counts.

    People who are new get the ids under which they are going to be written. With the transaction's end the chunk is
    gone.
    """
    _begin(cursor)
    cursor.execute(_SORT, params)
    cursor.execute(_REMEMBER, params)
    cursor.execute(_COUNT)
    return Counts(*cursor.fetchone())


def _begin(cursor: CursorWrapper) -> None:
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("a chunk lives within one transaction")
    with contextlib.suppress(DataError), transaction.atomic():
        cursor.execute(_ROOM)
    cursor.execute(CREATE)
    cursor.execute("DELETE FROM import_chunk")
    cursor.execute(BY_INDEX)


def sample(cursor: CursorWrapper, params: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """The first of the compared rows that are to be imported, for the page of the dry run."""
    cursor.execute(_SAMPLE, {**params, "limit": limit})
    names = ("line", "email", "name", "fields", "kind", "basis", "consent_at")
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def differences(cursor: CursorWrapper, params: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """What would change of the first people compared: ``{"email", "changes": [[label, before, after], ...]}``."""
    cursor.execute(_DIFF, {**params, "limit": limit})
    return [
        {"email": email, "changes": _changes(json.loads(former), json.loads(given), tags, joins=joins)}
        for email, former, given, tags, joins in cursor.fetchall()
    ]


def _changes(
    former: dict[str, Any], given: dict[str, Any], tags: list[str], *, joins: bool
) -> list[list[str]]:
    rows = [[_LABELS[name], former[name], given[name]] for name in policy.TEXTS if name in given]
    rows += [[key, _text(former["fields"].get(key)), _text(value)] for key, value in given["fields"].items()]
    if tags:
        rows.append(["Tags", "", ", ".join(tags)])
    if joins:
        rows.append(["List", "", "joins"])
    return rows


def _text(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
