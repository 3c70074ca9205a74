"""Several writers at once neither deadlock nor count twice."""

import random
import threading
from typing import Any

import pytest
from django.db import connection

from events import ingest
from events.ingest import Inbound
from events.models import Event
from events.services import recounting
from tests.factories.events import inbound, make_person, make_run, payload

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("month")]


def test_three_writers_with_the_same_messages_in_other_orders() -> None:
    run = make_run()
    people = [make_person(opens=True, clicks=True) for _ in range(12)]
    kinds = ["Send", "Delivery", "Open", "Click", "Bounce", "Complaint"]
    more: dict[str, Any] = {"link": "https://x.example/"}
    messages = [
        inbound(payload(kind, run, person, **(more if kind == "Click" else {})))
        for person in people
        for kind in kinds
    ]
    errors: list[BaseException] = []

    def write(seed: int) -> None:
        mine: list[Inbound] = random.Random(seed).sample(messages, len(messages))
        try:
            for at in range(0, len(mine), 9):
                ingest.take_in(mine[at : at + 9])
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=write, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert Event.objects.filter(run_id=run.pk).count() == len(messages)
    assert recounting.compare(run.pk) == []
