"""A schedule at Amazon that was not heard of when it should have been."""

import datetime as dt
from typing import Any

import pytest

from events.models import Trigger
from mailplatform.accounts.services import installation
from mailplatform.management.doctor import Level, schedules

pytestmark = pytest.mark.django_db
MONDAY = dt.datetime(2026, 11, 23, 7, tzinfo=dt.UTC)
HOUR, WEEK = dt.timedelta(hours=1), dt.timedelta(days=7)


@pytest.fixture(autouse=True)
def _site() -> None:
    weekly = {"name": "weekly", "expression": "cron(0 7 ? * MON *)", "event": "price-list"}
    installation.update(
        actor=None,
        account_id="123456789012",
        provisioning={"schedules": [weekly], "since": {"weekly": (MONDAY - WEEK - HOUR).isoformat()}},
    )


def judge() -> tuple[Level, str]:
    (found,) = schedules.firings()
    assert found.subject == "Schedule weekly"
    return found.level, found.detail


def test_it_is_missed_when_its_time_is_past(time_machine: Any) -> None:
    time_machine.move_to(MONDAY - WEEK - dt.timedelta(minutes=1), tick=False)
    assert judge() == (Level.OK, "was never heard of yet")
    time_machine.move_to(MONDAY - WEEK + HOUR, tick=False)
    level, words = judge()
    assert level is Level.WARNING
    assert words.startswith("was never heard of yet, and should have been at 2026-11-16 07:00 UTC: mend")
    Trigger.objects.create(rule="weekly", scheduled_at=MONDAY - WEEK)
    assert judge() == (Level.OK, "was last heard of at 2026-11-16 07:00 UTC")
    time_machine.move_to(MONDAY + HOUR, tick=False)
    level, words = judge()
    assert level is Level.WARNING
    assert "should have been at 2026-11-23 07:00 UTC" in words
    Trigger.objects.create(rule="weekly", scheduled_at=MONDAY)
    assert judge()[0] is Level.OK


def test_what_was_never_heard_of_and_made_nobody_knows_when_is_not_missed(time_machine: Any) -> None:
    time_machine.move_to(MONDAY + HOUR, tick=False)
    row = installation.get()
    installation.update(actor=None, provisioning={"schedules": row.provisioning["schedules"]})
    assert judge()[0] is Level.OK


def test_without_schedules_nothing_is_said() -> None:
    installation.update(actor=None, provisioning={})
    assert list(schedules.firings()) == []
