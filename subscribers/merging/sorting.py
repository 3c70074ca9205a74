"""Deciding, for staged rows, who is new, who changes, and who must be left alone.

Nobody who left, complained, bounced or was erased comes back through a file: such rows are set aside with the
reason. The same query serves the dry run (all rows) and the merge (each chunk again, in its transaction).
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from django.db import transaction
from django.db.backends.utils import CursorWrapper

from . import policy

# Everything that a chunk is made from, in the order of the file, so that each later statement is one scan of it. No
# key: nothing looks a row up. `former_reason` is what an earlier look at the row found.
_STAGED: Final = """seq, line, email, email_key, name, language, time_zone, fields, tags, basis, consent_at, source,
    wording, reference, opens, clicks, ip, requested_at, requested_ip"""
CREATE: Final = """
CREATE TEMP TABLE IF NOT EXISTS import_chunk (
    seq integer, line integer, email text COLLATE "C", email_key bytea, name text, language text, time_zone text,
    fields jsonb, tags text[], basis text, consent_at text, source text, wording text, reference text, opens boolean,
    clicks boolean, ip text, requested_at timestamptz, requested_ip text,
    former_reason text, subscriber_id bigint, public_id uuid, kind text, reason text
) ON COMMIT DELETE ROWS
"""
# People are looked up one by one, by index, whatever the statistics of a young table say.
BY_INDEX: Final = "SELECT set_config('enable_seqscan', 'off', TRUE)"

_SORT: Final = f"""
INSERT INTO import_chunk ({_STAGED}, former_reason, subscriber_id, public_id, kind, reason)
SELECT {_STAGED}, former_reason,
    CASE WHEN %(number)s AND kind = 'new' AND found_reason IS NULL
        THEN nextval('subscribers_subscriber_id_seq') ELSE id END,
    CASE WHEN %(number)s AND kind = 'new' AND found_reason IS NULL THEN gen_random_uuid() ELSE public_id END,
    kind, found_reason
FROM (SELECT st.*, st.reason AS former_reason, s.id, s.public_id, CASE
        WHEN s.id IS NULL THEN 'new'
        WHEN {policy.CHANGES}
            OR (%(policy)s <> 'skip' AND cardinality(st.tags) > 0 AND (
                SELECT count(*) FROM subscribers_tag t WHERE t.name = ANY(st.tags)
                AND t.id = ANY(COALESCE(p.tag_ids, '{{}}'))) < cardinality(st.tags))
            OR (%(list)s > 0 AND l.state IS DISTINCT FROM 'confirmed')
            OR (st.basis IN ('consent', 'soft_opt_in') AND COALESCE(p.marketing_basis, 'none') = 'none')
        THEN 'changed' ELSE 'same' END AS kind,
    CASE
        WHEN 'erased' = ANY(x.reasons) THEN 'set aside: this person asked to be erased'
        WHEN 'complaint' = ANY(x.reasons) THEN 'set aside: this person complained about our mail'
        WHEN 'unsubscribe' = ANY(x.reasons) THEN 'set aside: this person unsubscribed from all mail'
        WHEN 'bounce' = ANY(x.reasons) THEN 'set aside: mail to this address bounced'
        WHEN 'unreachable' = ANY(x.reasons)
            THEN 'set aside: mail to this address could not be delivered several times'
        WHEN x.reasons IS NOT NULL THEN 'set aside: this address is blocked'
        WHEN p.marketing_basis = 'withdrawn' THEN 'set aside: this person withdrew their consent'
        WHEN l.state = 'unsubscribed' THEN 'set aside: this person unsubscribed from the list'
    END AS found_reason
FROM subscribers_importstaging st
CROSS JOIN LATERAL (
    SELECT array_agg(y.reason::text) AS reasons FROM subscribers_suppression y
    WHERE y.email_key = st.email_key AND y.lifted_at IS NULL) x
LEFT JOIN LATERAL (SELECT * FROM subscribers_subscriber y WHERE y.email = st.email OFFSET 0) s ON TRUE
LEFT JOIN LATERAL (SELECT * FROM subscribers_profile y WHERE y.subscriber_id = s.id OFFSET 0) p ON TRUE
LEFT JOIN LATERAL (
    SELECT y.state FROM subscribers_subscription y
    WHERE y.subscriber_id = s.id AND y.mailing_list_id = %(list)s OFFSET 0) l ON TRUE
WHERE st.job_id = %(job)s AND st.seq > %(after)s AND st.seq <= %(upto)s
    AND (st.reason IS NULL OR st.reason LIKE 'set aside: %%') ORDER BY st.seq OFFSET 0) sorted
"""  # noqa: S608 - made of our own fragments; every value is a parameter
# Rows that are set aside are few; where somebody came back by their own act since the dry run, the reason goes.
_REMEMBER: Final = """
UPDATE subscribers_importstaging st SET reason = c.reason FROM import_chunk c
WHERE c.reason IS DISTINCT FROM c.former_reason AND st.job_id = %(job)s AND st.seq = c.seq
"""
_COUNT: Final = """
SELECT count(*) FILTER (WHERE kind = 'new'), count(*) FILTER (WHERE kind = 'changed'),
    count(*) FILTER (WHERE kind = 'same'), count(*) FILTER (WHERE basis = '')
FROM import_chunk WHERE reason IS NULL
"""
_SAMPLE: Final = """
SELECT line, email, name, fields, kind, basis, left(consent_at, 10)
FROM import_chunk WHERE reason IS NULL ORDER BY seq LIMIT %s
"""
# Of people we know: what would change, with the values before and after.
_DIFF: Final = f"""
SELECT s.email, {policy.FORMER}, {policy.GIVEN},
    ARRAY(SELECT x FROM unnest(CASE WHEN %(policy)s = 'skip' THEN '{{}}' ELSE st.tags END) x WHERE NOT EXISTS (
        SELECT FROM subscribers_subscriber_tags h JOIN subscribers_tag t ON t.id = h.tag_id
        WHERE h.subscriber_id = s.id AND t.name = x)),
    %(list)s > 0 AND NOT EXISTS (SELECT FROM subscribers_subscription l WHERE l.subscriber_id = s.id
        AND l.mailing_list_id = %(list)s AND l.state = 'confirmed')
FROM (SELECT * FROM import_chunk WHERE kind = 'changed' AND reason IS NULL ORDER BY seq LIMIT %(limit)s) st
JOIN subscribers_subscriber s ON s.id = st.subscriber_id ORDER BY st.seq
"""  # noqa: S608 - as above


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


def sort_rows(cursor: CursorWrapper, params: dict[str, Any], *, number: bool = False) -> Counts:
    """Fill `import_chunk` with the staged rows of a job with ``after < seq <= upto``; return the counts.

    `params` holds job, after, upto, list (0 for none) and policy (what becomes of data of people we know).
    With `number`, people who are new get the ids under which they are going to be written.
    Runs in the caller's transaction, with whose end the chunk is gone.
    """
    if not transaction.get_connection().in_atomic_block:
        raise transaction.TransactionManagementError("a chunk lives within one transaction")
    cursor.execute(CREATE)
    cursor.execute("DELETE FROM import_chunk")
    cursor.execute(BY_INDEX)
    cursor.execute(_SORT, {**params, "number": number})
    cursor.execute(_REMEMBER, params)
    cursor.execute(_COUNT)
    return Counts(*cursor.fetchone())


def sample(cursor: CursorWrapper, limit: int) -> list[dict[str, Any]]:
    """The first rows of the chunk that are to be imported, for the page of the dry run."""
    cursor.execute(_SAMPLE, [limit])
    names = ("line", "email", "name", "fields", "kind", "basis", "consent_at")
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def differences(cursor: CursorWrapper, params: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    """What would change of the first people of the chunk: ``{"email", "changes": [[label, before, after], ...]}``."""
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
