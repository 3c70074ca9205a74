"""A campaign to 130 people, and what holds when each of them had it once."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from campaigns.models import PauseReason, Run
from campaigns.services import runs
from mailplatform.aws import ses
from subscribers.models import MailingList, Subscriber
from tests.factories.sending import (
    FakeSes,
    Script,
    addresses,
    make_list,
    make_people,
    make_run,
    states_of,
)

PEOPLE = 130


@pytest.fixture
def people() -> list[Subscriber]:
    return make_people(PEOPLE, make_list())


@pytest.fixture
def run(people: list[Subscriber]) -> Run:
    return make_run(MailingList.objects.latest("pk"))


def and_then(fake: FakeSes, act: Callable[[], object]) -> Script:
    """A call that is accepted while somebody does something."""

    def in_a_thread_of_its_own() -> None:
        try:
            act()
        finally:
            connections.close_all()

    def script(request: dict[str, Any]) -> list[ses.EntryResult]:
        found = fake.accept(request)
        thread = threading.Thread(target=in_a_thread_of_its_own)
        thread.start()
        thread.join(20)
        return found

    return script


def check_everybody_once(run: Run, fake: FakeSes, people: list[Subscriber]) -> None:
    """Sent; each person accepted, and mailed, exactly once."""
    run.refresh_from_db()
    assert (run.state, run.pause_reason) == ("sent", "")
    assert fake.accepted == addresses(people)
    assert states_of(run) == {"accepted": len(people)}


def pause(run: Run) -> None:
    assert runs.pause_run(run_id=run.pk, by=PauseReason.PERSON, reason="lunch")
