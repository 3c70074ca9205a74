"""A dead letter can be taken in once its cause was mended."""

from datetime import UTC, date, datetime

import pytest
from django.db import connection

from events import ingest
from events.models import Counter, DeadLetter, Event
from events.services import replay
from mailplatform.accounts.models import AuditEntry
from tests.factories.events import inbound, make_person, make_run, payload

pytestmark = pytest.mark.django_db


def test_replay_after_the_partition_was_made() -> None:
    run, person = make_run(), make_person()
    ingest.take_in([inbound(payload("Delivery", run, person, at=datetime(2019, 5, 5, tzinfo=UTC)))])
    letter = DeadLetter.objects.get()
    with pytest.raises(replay.CannotReplay, match="no partition"):
        replay.replay(dead_letter_id=letter.pk)
    letter.refresh_from_db()
    assert letter.replay_error
    with connection.cursor() as cursor:
        cursor.execute("SELECT events_ensure_month_partitions(%s)", (date(2019, 5, 1),))
    done = replay.replay(dead_letter_id=letter.pk)
    assert done.replayed_at is not None
    assert bytes(done.body) == b""
    assert Event.objects.count() == 1
    assert AuditEntry.objects.filter(action="dead_letter.replayed").count() == 2


def test_replaying_twice_counts_once() -> None:
    run, person = make_run(), make_person()
    message = inbound(payload("Delivery", run, person))
    letter = DeadLetter.objects.create(reason="x", body=message.body)
    for _ in range(2):
        replay.replay(dead_letter_id=letter.pk)
    assert sum(Counter.objects.values_list("events", flat=True)) == 1


def test_nonsense_stays_a_dead_letter() -> None:
    letter = DeadLetter.objects.create(reason="x", body=b"nonsense")
    with pytest.raises(replay.CannotReplay, match="not JSON"):
        replay.replay(dead_letter_id=letter.pk)
