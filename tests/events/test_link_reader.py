"""Links that hang on a person: one query and a kept connection for each, also after the database ended it."""

from collections.abc import Iterator

import pytest
from django.db import connection

from campaigns.own_links import key_of
from campaigns.selectors.own_links import NoSuchLink
from events.link_reader import LinkReader
from events.tracked_runs import TrackedRuns
from tests.factories.events import make_person
from tests.factories.tracking import SHOP, make_tracked_run
from tests.factories.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
PERSONAL = "https://shop.example/?n={{html.name}}"
WAIT_S = 20
SESSIONS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""


@pytest.fixture
def reader() -> Iterator[LinkReader]:
    made = LinkReader(TrackedRuns())
    yield made
    made.stop()


def sessions() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute(SESSIONS)
        return {row[0] for row in cursor}


def test_connection_is_kept_from_one_link_to_the_next_and_closed_at_the_end(reader: LinkReader) -> None:
    run, people, before = make_tracked_run(PERSONAL), [make_person() for _ in range(3)], sessions()
    pids = set()
    for person in people:
        assert (
            reader.ask(run.pk, key_of(PERSONAL), person.pk).result(WAIT_S) == b"https://shop.example/?n=Ada"
        )
        pids |= sessions() - before
    assert len(pids) == 1
    reader.stop()
    # Postgres ends a session in its own time after its client hung up.
    wait_for(lambda: not sessions() & pids)


def test_reader_notices_nothing_of_a_connection_that_the_database_ended(reader: LinkReader) -> None:
    run, person, before = make_tracked_run(PERSONAL), make_person(), sessions()
    reader.ask(run.pk, key_of(PERSONAL), person.pk).result(WAIT_S)
    (pid,) = sessions() - before
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    assert reader.ask(run.pk, key_of(PERSONAL), person.pk).result(WAIT_S) == b"https://shop.example/?n=Ada"
    assert pid not in sessions()


def test_a_link_that_does_not_exist_holds_up_nobody(reader: LinkReader) -> None:
    run, person = make_tracked_run(SHOP, PERSONAL), make_person()
    asked = [reader.ask(*question) for question in (
        (run.pk, key_of("https://shop.example/else"), person.pk),
        (run.pk + 1, key_of(SHOP), person.pk),
        (run.pk, key_of(PERSONAL), person.pk),
    )]  # fmt: skip
    for answer in asked[:2]:
        with pytest.raises(NoSuchLink):
            answer.result(WAIT_S)
    assert asked[2].result(WAIT_S) == b"https://shop.example/?n=Ada"


def test_who_does_not_wait_any_more_is_not_looked_up(reader: LinkReader) -> None:
    run, person = make_tracked_run(PERSONAL), make_person()
    reader.start = lambda: None  # type: ignore[method-assign]
    gone, there = (reader.ask(run.pk, key_of(PERSONAL), person.pk) for _ in range(2))
    assert gone.cancel()
    del reader.start
    reader.start()
    assert there.result(WAIT_S) == b"https://shop.example/?n=Ada"
