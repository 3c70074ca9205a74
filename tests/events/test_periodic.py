"""Partitions are there before they are needed; every job of the beat exists and runs."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection

from events import periodic
from mailplatform.celery import app
from tests.factories.events import make_run

pytestmark = pytest.mark.django_db


def tables(pattern: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT relname FROM pg_class WHERE relname ~ %s AND relkind = 'r'", (pattern,))
        return {row[0] for row in cursor.fetchall()}


@pytest.mark.parametrize(
    "at", [datetime(2031, 11, 30, 23, 59, tzinfo=UTC), datetime(2032, 1, 31, tzinfo=UTC)]
)
def test_months_around_now_have_partitions(at: datetime, time_machine: Any) -> None:
    time_machine.move_to(at)
    months = periodic.ensure_partitions()
    assert len(months) == periodic.MONTHS_AHEAD + periodic.MONTHS_BACK + 1
    assert months == periodic.ensure_partitions()
    for month in months:
        for parent in ("events_event", "events_inboundmessage"):
            assert f"{parent}_{month:%Y%m}" in tables(f"^{parent}_")


def test_next_runs_have_partitions() -> None:
    run = make_run()
    periodic.ensure_partitions()
    number = (run.pk + 1_000) // 1_000
    assert f"events_outcome_r{number}" in tables("^events_outcome_r")


def test_every_job_of_the_beat_exists_and_runs() -> None:
    names = [
        entry["task"] for entry in app.conf.beat_schedule.values() if entry["task"].startswith("events.")
    ]
    assert "events.drop_old_events" in names
    for name in names:
        app.tasks[name](something_new="ignored")
