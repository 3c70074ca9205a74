"""The rows of a checked file of orders, and the orders that they make, in unlogged tables until they are imported.

A row keeps what it says; an order is put together from all rows of its number. One bad row refuses the whole order:
without it the order's amount would be wrong. As with people, the tables are empty after a crash of Postgres, and the
file is read again.
"""

from typing import Any, Final

from django.db import connection

COPY: Final = """
COPY subscribers_orderrowstaging (job_id, seq, line, number, email, email_key, ordered_at, currency, total, amount,
    quantity, product, problem) FROM STDIN
"""
# `seq` of an order is that of its first row, so chunks of rows are chunks of orders, too.
_GATHER: Final = """
INSERT INTO subscribers_orderstaging (job_id, seq, number, rows, email, email_key, ordered_at, currency, total, refused)
SELECT job_id, min(seq), number, count(*), min(email), (array_agg(email_key) FILTER (WHERE email_key IS NOT NULL))[1],
    min(ordered_at), min(currency), LEAST(COALESCE(min(total), sum(amount)), %(most)s), CASE
        WHEN bool_or(problem <> '') THEN 'another row of this order is refused'
        WHEN count(DISTINCT email) > 1 THEN 'the rows of this order name several people'
        WHEN count(email) = 0 THEN 'the order names no e-mail address'
        WHEN count(DISTINCT ordered_at) > 1 THEN 'the rows of this order name different dates'
        WHEN count(ordered_at) = 0 THEN 'the order has no date'
        WHEN count(DISTINCT currency) > 1 THEN 'the rows of this order name several currencies'
        WHEN count(DISTINCT total) > 1
            THEN 'the rows of this order name different totals; perhaps the column holds the amount of each row'
        WHEN count(total) + count(amount) = 0 THEN 'the order has no amount'
        WHEN COALESCE(min(total), sum(amount)) >= %(most)s THEN 'the amount is more than any order'
        ELSE '' END
FROM subscribers_orderrowstaging WHERE job_id = %(job)s GROUP BY job_id, number
"""
# Of every row that is not imported: its own problem, or else that of its order.
_REASONS: Final = """
SELECT r.line, CASE WHEN r.problem <> '' THEN r.problem WHEN o.refused <> '' THEN o.refused ELSE o.reason END
FROM subscribers_orderrowstaging r
JOIN subscribers_orderstaging o ON o.job_id = r.job_id AND o.number = r.number
WHERE r.job_id = %(job)s AND (o.refused <> '' OR o.reason <> '') ORDER BY r.line
"""


def clear(job_id: int) -> None:
    """Forget the rows and orders of a job."""
    _run("DELETE FROM subscribers_orderrowstaging WHERE job_id = %s", [job_id])
    _run("DELETE FROM subscribers_orderstaging WHERE job_id = %s", [job_id])


def forget_person(email_key: bytes) -> None:
    """Forget what one person bought, in every job: an erasure reaches here, too."""
    _run(
        """
        DELETE FROM subscribers_orderrowstaging r USING subscribers_orderstaging o
        WHERE o.email_key = %s AND r.job_id = o.job_id AND r.number = o.number
        """,
        [email_key],
    )
    _run("DELETE FROM subscribers_orderrowstaging WHERE email_key = %s", [email_key])
    _run("DELETE FROM subscribers_orderstaging WHERE email_key = %s", [email_key])


def count(job_id: int) -> int:
    """How many rows of the job are here."""
    return int(_run("SELECT count(*) FROM subscribers_orderrowstaging WHERE job_id = %s", [job_id])[0][0])


def gather(job_id: int, *, most: int) -> None:
    """Put the orders together from their rows, once the file is in. An order of `most` or more is refused."""
    _run("DELETE FROM subscribers_orderstaging WHERE job_id = %s", [job_id])
    _run(_GATHER, {"job": job_id, "most": most})


def reasons(job_id: int) -> list[tuple[int, str]]:
    """`(line, reason)` of the rows that are not imported, by line."""
    return _run(_REASONS, {"job": job_id})


def _run(sql: str, params: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchall()) if cursor.description else []
