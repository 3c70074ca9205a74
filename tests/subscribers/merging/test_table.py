"""What is asked of the staging table must not depend on statistics that know nothing of a job that has just come."""

from typing import Any

import pytest
from django.db import connection

from subscribers.merging import sorting, table

STAGE = """
INSERT INTO subscribers_importstaging (job_id, seq, line, email, email_key, name, language, time_zone, fields, tags,
    basis, reference, ip, requested_ip)
SELECT 7, seq, seq + 1, email, sha256(email::bytea), '', '', '', fields::jsonb, '{}', '', '', '', ''
FROM unnest(%s::integer[], %s::text[], %s::text[]) given(seq, email, fields)
"""
# The way that planners take when they expect one row.
ONE_BY_ONE = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off"


def stage(*rows: tuple[str, str]) -> None:
    emails, fields = zip(*rows, strict=True)
    with connection.cursor() as cursor:
        cursor.execute(STAGE, [list(range(1, len(rows) + 1)), list(emails), list(fields)])


@pytest.mark.django_db
def test_the_first_row_of_an_address_wins() -> None:
    stage(("a@b.co", "{}"), ("c@d.co", "{}"), ("a@b.co", "{}"), ("a@b.co", "{}"))
    table.mark_duplicates(7)
    assert table.reasons(7) == [(line, "the same address stands in line 2") for line in (4, 5)]


@pytest.mark.django_db
def test_choices_come_in_the_order_of_the_file_and_only_so_many() -> None:
    stage(
        ("a@b.co", '{"city": "Rome", "likes": ["tea", "books"]}'),
        ("c@d.co", '{"city": "Bern", "likes": ["books"], "other": "x"}'),
        ("e@f.co", '{"city": "Rome", "age": 4}'),
        ("a@b.co", '{"city": "Oslo"}'),
    )
    table.mark_duplicates(7)
    found = table.choices(7, ["city", "likes", "nothing"], 2)
    assert found == {"city": ["Rome", "Bern"], "likes": ["books", "tea"], "nothing": []}
    assert table.choices(7, ["city"], 1) == {"city": ["Rome"]}


@pytest.mark.django_db
@pytest.mark.parametrize("statement", [table._MARK_DUPLICATES, sorting._REMEMBER])
def test_rows_are_found_by_their_place_not_compared_with_each_other(statement: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sorting.CREATE)
        cursor.execute(sorting.BY_INDEX)
        cursor.execute(ONE_BY_ONE)
        cursor.execute(f"EXPLAIN {statement}", {"job": 7})
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "TID Cond" in plan
    assert "Join Filter" not in plan
