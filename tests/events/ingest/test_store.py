"""A writer's own connection: statements planned once, by index, and what never changes read once."""

from collections.abc import Iterator

import psycopg
import pytest
from django.db import connection

from events.ingest import store
from tests.factories.events import make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def cursor() -> Iterator[store.Cursor]:
    """A connection as the writer has one; it sees nothing of the test's transaction."""
    with psycopg.connect(**connection.get_connection_params()) as link, psycopg.Cursor(link) as own:
        store.make_steady(own)
        yield own
        link.rollback()


def test_statements_are_prepared_and_their_plans_kept(cursor: store.Cursor) -> None:
    """Django switches prepared statements off, and then `prepare=True` does nothing, silently."""
    for person in (1, 2, 3):
        assert store.lock_people(cursor, [person], [person]) == {}
    cursor.execute(
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%locked%'"
    )
    assert cursor.fetchall() == [(3, 0)]


def test_a_plan_that_is_kept_is_by_index_though_the_tables_are_empty(cursor: store.Cursor) -> None:
    cursor.execute(f"EXPLAIN {store._PEOPLE}", ("{1}", "{1}"))
    plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan" not in plan
    assert "Index" in plan


def test_what_this_transaction_made_is_not_remembered_beyond_it(cursor: store.Cursor) -> None:
    run_id = 2**40 + make_run().pk
    places = {(run_id, b"1" * 16): "https://x.example/"}
    first = store.link_ids(cursor, places)
    cursor.connection.rollback()
    cursor.execute("SELECT count(*) FROM events_link WHERE run_id = %s", (run_id,))
    assert cursor.fetchone() == (0,)
    assert store.link_ids(cursor, places) != first
