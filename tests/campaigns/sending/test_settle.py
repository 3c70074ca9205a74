"""Proof that comes later."""

import pytest
from django.db import connection

from campaigns.models import Delivery
from campaigns.sending import settle
from mailplatform.core import clock

pytestmark = pytest.mark.django_db


def _delivery(subscriber_id: int, state: str, run_id: int = 1) -> None:
    Delivery.objects.create(run_id=run_id, subscriber_id=subscriber_id, state=state, at=clock.now())


def _states() -> dict[int, tuple[str, str, str]]:
    found = Delivery.objects.values_list("subscriber_id", "state", "message_id", "reason")
    return {person: (state, message, reason) for person, state, message, reason in found}


def test_only_the_unresolved_are_settled() -> None:
    for person, state in enumerate(["unresolved", "unresolved", "accepted", "skipped", "failed"], start=1):
        _delivery(person, state)
    rows = [(1, person, "accepted", f"m{person}", "") for person in (5, 4, 3, 1, 99)]
    rows.append((1, 2, "failed", "", "message_rejected"))
    with connection.cursor() as cursor:
        assert settle.settle(cursor, rows) == 2
    assert _states() == {
        1: ("accepted", "m1", ""),
        2: ("failed", "", "message_rejected"),
        3: ("accepted", "", ""),
        4: ("skipped", "", ""),
        5: ("failed", "", ""),
    }


def test_several_runs_at_once() -> None:
    _delivery(1, "unresolved", run_id=1)
    _delivery(1, "unresolved", run_id=1500)
    with connection.cursor() as cursor:
        assert settle.settle(cursor, [(1500, 1, "accepted", "a", ""), (1, 1, "accepted", "b", "")]) == 2


def test_nothing_is_nothing() -> None:
    with connection.cursor() as cursor:
        assert settle.settle(cursor, []) == 0
