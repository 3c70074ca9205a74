"""The rows of a checked file, kept in an unlogged table between the dry run and the import.

So the file is read and validated once. The table holds personal data only as long as the file itself is kept,
and is empty after a crash of Postgres: then the file is read again, and gives the same rows.
"""

from collections.abc import Sequence
from typing import Any, Final

from django.db import connection, transaction

TABLE: Final = "subscribers_importstaging"
COLUMNS: Final = (
    "job_id, seq, line, email, email_key, name, language, time_zone, fields, tags, basis, consent_at, source, wording, "
    "reference, opens, clicks, ip, requested_at, requested_ip"
)
COPY: Final = f"COPY subscribers_importstaging ({COLUMNS}) FROM STDIN"
# One person per address: the first row wins, later ones come back as refused. Rows are found by their place: the
# statistics know nothing of a job that has just come, and a join by the row's number would be done row by row.
_MARK_DUPLICATES: Final = """
UPDATE subscribers_importstaging s SET reason = 'the same address stands in line ' || d.first_line
FROM (
    SELECT ctid AS place, first_value(line) OVER same AS first_line, row_number() OVER same AS number
    FROM subscribers_importstaging WHERE job_id = %(job)s WINDOW same AS (PARTITION BY email ORDER BY seq)) d
WHERE d.number > 1 AND s.ctid = d.place
"""
# The values of a column are far fewer than its rows: these are grouped first, by hash, and only then taken apart.
_BY_HASH: Final = "SELECT set_config('enable_sort', 'off', TRUE)"
_CHOICES: Final = """
SELECT key, value FROM (
    SELECT d.key, e.value, row_number() OVER (PARTITION BY d.key ORDER BY min(d.seq), e.value) AS place FROM (
        SELECT k.key, st.fields->k.key AS found, min(st.seq) AS seq
        FROM subscribers_importstaging st CROSS JOIN unnest(%(keys)s::text[]) k(key)
        WHERE st.job_id = %(job)s AND st.reason IS NULL GROUP BY 1, 2) d
    CROSS JOIN LATERAL jsonb_array_elements_text(
        CASE jsonb_typeof(d.found) WHEN 'array' THEN d.found WHEN 'string' THEN jsonb_build_array(d.found) END) e(value)
    GROUP BY d.key, e.value) found
WHERE place <= %(limit)s ORDER BY key, place
"""
_TAGS: Final = """
SELECT DISTINCT unnest(tags) FROM subscribers_importstaging
WHERE job_id = %s AND reason IS NULL AND cardinality(tags) > 0 ORDER BY 1
"""


def clear(job_id: int) -> None:
    """Forget the rows of a job."""
    _run("DELETE FROM subscribers_importstaging WHERE job_id = %s", [job_id])


def forget_person(email_key: bytes) -> None:
    """Forget the rows of one person in every job: an erasure reaches here, too."""
    _run("DELETE FROM subscribers_importstaging WHERE email_key = %s", [email_key])


def count(job_id: int) -> int:
    """How many rows of the job are here."""
    return int(_run("SELECT count(*) FROM subscribers_importstaging WHERE job_id = %s", [job_id])[0][0])


def mark_duplicates(job_id: int) -> None:
    """Give every repeated address its reason, once the file is in."""
    _run(_MARK_DUPLICATES, {"job": job_id})


def choices(job_id: int, keys: Sequence[str], limit: int) -> dict[str, list[str]]:
    """The values of choice or list fields in the order in which they come, at most `limit` of each."""
    found: dict[str, list[str]] = {key: [] for key in keys}
    if keys:
        with transaction.atomic():
            _run(_BY_HASH, [])
            for key, value in _run(_CHOICES, {"job": job_id, "keys": list(keys), "limit": limit}):
                found[key].append(value)
    return found


def tags(job_id: int) -> list[str]:
    """Every tag of the rows to be imported, sorted."""
    return [row[0] for row in _run(_TAGS, [job_id])]


def reasons(job_id: int) -> list[tuple[int, str]]:
    """`(line, reason)` of the rows that were set aside here, by line."""
    return _run(
        "SELECT line, reason FROM subscribers_importstaging WHERE job_id = %s AND reason IS NOT NULL ORDER BY line",
        [job_id],
    )


def _run(sql: str, params: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else []
