"""Nobody who was erased is named by a dead letter."""

from datetime import UTC, datetime

import pytest

from events import ingest
from events.models import DeadLetter
from events.services import forgetting
from subscribers.services import erasure
from tests.factories.events import inbound, make_person, make_run, payload

pytestmark = pytest.mark.django_db
LONG_AGO = datetime(2019, 5, 5, tzinfo=UTC)


def test_letters_of_the_erased_go_and_others_stay() -> None:
    run, ada, bob = make_run(), make_person("ada@example.org"), make_person("bob@example.org")
    for person in (ada, bob):
        ingest.take_in([inbound(payload("Bounce", run, person, at=LONG_AGO))])
    assert DeadLetter.objects.count() == 2
    assert forgetting.forget_erased() == 0
    erasure.erase(subscriber_id=ada.pk, actor=None, source="page")
    assert forgetting.forget_erased() == 1
    assert b"bob@example.org" in bytes(DeadLetter.objects.get().body)


def test_letter_that_is_no_text_stays() -> None:
    DeadLetter.objects.create(reason="x", body=b"\xff\xfe@")
    assert forgetting.forget_erased() == 0
