"""Months go as a whole, and only those that may."""

import io
from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from django.db import connection

from campaigns.models import Run
from events.models import Event
from events.selectors import intake
from events.services import retention
from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from tests.factories.events import make_run

pytestmark = pytest.mark.django_db


def make_month(day: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT events_ensure_month_partitions(%s)", (day.date(),))
    Event.objects.create(occurred_at=day, identity=b"x" * 16, type="send", received_at=clock.now())


def test_months_before_the_kept_ones_are_dropped_and_noted() -> None:
    old, kept = datetime(2020, 3, 9, tzinfo=UTC), clock.now()
    make_month(old)
    make_month(kept)
    dropped = retention.drop_old()
    assert "events_event_202003" in dropped
    assert "events_inboundmessage_202003" in dropped
    assert list(Event.objects.values_list("occurred_at", flat=True)) == [kept]
    assert AuditEntry.objects.filter(action="events.dropped").exists()
    assert "2020-03" not in {month.name for month in intake.intake().months}
    assert retention.drop_old() == []


def test_a_longer_time_keeps_them() -> None:
    day = clock.now().replace(year=clock.now().year - 4, day=2)
    make_month(day)
    retention.set_months(number=120, actor=None)
    assert f"events_event_{day:%Y%m}" not in retention.drop_old()
    assert Event.objects.exists()


@pytest.mark.parametrize("number", [0, 2, 121, -1])
def test_out_of_range_is_refused(number: int) -> None:
    with pytest.raises(retention.InvalidRetention, match="3 to 120"):
        retention.set_months(number=number, actor=None)
    assert retention.months() == 24


def test_no_setting_drops_what_is_still_needed() -> None:
    """The function itself refuses: three months of events, and the dedupe rows of last month."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT events_drop_month_partitions('2999-01-01', '2999-01-01')")
        dropped = {row[0] for row in cursor.fetchall()}
    assert f"events_event_{clock.now():%Y%m}" not in dropped
    assert f"events_inboundmessage_{clock.now():%Y%m}" not in dropped


def test_counters_of_runs_older_than_the_kept_months_are_left_alone() -> None:
    run = make_run()
    Run.objects.filter(pk=run.pk).update(launched_at=datetime(2019, 1, 1, tzinfo=UTC))
    assert retention.may_lack_events(run.pk)
    assert not retention.may_lack_events(make_run().pk)
    told = io.StringIO()
    call_command("recompute_counters", str(run.pk), stdout=told)
    assert "were dropped" in told.getvalue()
