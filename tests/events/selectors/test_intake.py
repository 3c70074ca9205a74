"""What is shown of the way in: listening, lag, what waits, months."""

from datetime import timedelta

import pytest

from events import ingest, periodic
from events.ingest import store
from events.models import DeadLetter
from events.selectors import intake
from mailplatform.core import clock
from tests.factories.events import inbound, make_person, make_run, payload

pytestmark = pytest.mark.django_db


def test_nothing_happened_yet() -> None:
    state = intake.intake()
    assert (state.is_listening, state.listening_at, state.events, state.waiting) == (False, None, 0, 0)
    assert state.typical_lag_s is None


def test_lag_is_from_what_happened_to_its_commit() -> None:
    run = make_run()
    ago = clock.now() - timedelta(seconds=90)
    ingest.take_in([inbound(payload("Delivery", run, make_person(), at=ago)) for _ in range(3)])
    with store.raw_cursor() as cursor:
        store.beat(cursor, 3, 2)
    DeadLetter.objects.create(reason="x", body=b"x")
    state = intake.intake()
    assert state.is_listening
    assert (state.events, state.refused, state.waiting) == (3, 2, 1)
    assert state.typical_lag_s is not None
    assert 89 < state.typical_lag_s < 120
    assert state.last_message_at is not None


def test_next_month_is_made_ahead() -> None:
    periodic.ensure_partitions()
    assert not intake.intake().lacks_next_month
