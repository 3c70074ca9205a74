"""Retention: whom a rule finds, whom it never finds, that it lets go in small steps and notes each run."""

import datetime as dt
from typing import Any

import pytest

from events.services import retention as events_retention
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import audit
from mailplatform.core import clock
from subscribers.models import (
    ConsentRecord,
    Profile,
    RetentionRun,
    Subscriber,
    SuppressionReason,
)
from subscribers.services import retention, rights, suppression, unsubscribe
from tests.factories.accounts import AdminFactory, InstallationFactory
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db
LONG_AGO = dt.datetime(2023, 1, 1, tzinfo=dt.UTC)
NOW = dt.datetime(2026, 3, 31, 12, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _site(ledger_files: Any) -> None:
    InstallationFactory.create(track_opens=True, track_clicks=True)


def test_who_was_silent_for_long_is_found_and_nobody_else(time_machine: Any) -> None:
    time_machine.move_to(NOW - dt.timedelta(days=300), tick=True)
    silent = person("silent@example.com", opens=True)
    person("unmeasured@example.com")
    opened = person("opened@example.com", opens=True)
    clicked = person("clicked@example.com", clicks=True)
    bought = person("bought@example.com", opens=True)
    wrote = person("wrote@example.com", opens=True)
    restricted = person("restricted@example.com", opens=True)
    suppression.suppress(
        email_key=bytes(restricted.email_key), reason=SuppressionReason.RESTRICTED, source="test"
    )
    time_machine.move_to(NOW, tick=True)
    person("new@example.com", opens=True)
    Profile.objects.filter(pk=opened.pk).update(last_opened_at=NOW - dt.timedelta(days=10))
    Profile.objects.filter(pk=clicked.pk).update(last_clicked_at=NOW - dt.timedelta(days=10))
    Profile.objects.filter(pk=bought.pk).update(last_ordered_at=NOW - dt.timedelta(days=10))
    unsubscribe.leave_all(subscriber_id=wrote.pk, source="test", method="page")
    found = retention.look(key="inactive", months=6)
    assert found.sample == (silent.email,)
    assert found.count == 1
    assert found.note.startswith("1 more")
    assert Subscriber.objects.count() == 8  # looking changes nothing


def test_where_the_installation_measures_nothing_nobody_is_inactive(time_machine: Any) -> None:
    InstallationFactory._meta.model.objects.update(track_opens=False, track_clicks=False)
    time_machine.move_to(NOW - dt.timedelta(days=300), tick=True)
    person(opens=True)
    time_machine.move_to(NOW, tick=True)
    assert retention.look(key="inactive", months=6).count == 0


def test_a_run_erases_in_steps_notes_it_and_rests_for_a_day(time_machine: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    time_machine.move_to(NOW - dt.timedelta(days=300), tick=True)
    for number in range(5):
        person(f"p{number}@example.com", opens=True)
    time_machine.move_to(NOW, tick=True)
    retention.set_months(key="inactive", months=6, actor=None)
    runs = {run.key: run for run in retention.run_due()}
    assert runs["inactive"].touched == 5
    assert runs["inactive"].finished_at is not None
    assert not Subscriber.objects.exists()
    record = ConsentRecord.objects.order_by("-id")[0]
    assert (record.act, record.actor, record.method) == ("erased", "retention", "system")
    assert retention.run_due() == []
    time_machine.move_to(NOW + dt.timedelta(days=1), tick=True)
    assert {run.touched for run in retention.run_due()} <= {0, 1}


def test_a_rule_that_fails_is_noted_and_the_others_go_on(monkeypatch: Any) -> None:
    def fail(_before: dt.datetime) -> int:
        raise LookupError("gone")

    broken = retention.DataClass("broken", "Broken", "", 1, lambda _: retention.Found(0), fail)
    monkeypatch.setitem(retention._classes, "broken", broken)
    runs = {run.key: run for run in retention.run_due()}
    assert runs["broken"].error.startswith("LookupError")
    assert runs["audit"].error == ""
    assert RetentionRun.objects.count() == len(runs)


def test_engagement_is_emptied_and_the_person_stays(time_machine: Any) -> None:
    old, new = person(opens=True), person(opens=True)
    Profile.objects.filter(pk=old.pk).update(last_opened_at=LONG_AGO, opens=3)
    Profile.objects.filter(pk=new.pk).update(last_opened_at=clock.now(), last_clicked_at=LONG_AGO, opens=3)
    retention.set_months(key="engagement", months=12, actor=None)
    assert retention.look(key="engagement", months=12).count == 1
    retention.run_due()
    assert Profile.objects.get(pk=old.pk).last_opened_at is None
    assert Profile.objects.get(pk=old.pk).opens == 0
    assert Profile.objects.get(pk=new.pk).opens == 3


def test_decided_cases_and_old_entries_go(time_machine: Any) -> None:
    admin = AdminFactory.create()
    time_machine.move_to(NOW - dt.timedelta(days=1200), tick=True)
    waits = rights.open_case(
        kind="access", email="a@example.com", received_on=clock.now().date(), actor=admin
    )
    done = rights.open_case(kind="access", email="b@example.com", received_on=clock.now().date(), actor=admin)
    rights.close(case=done, refused=False, text="told", actor=admin)
    audit.record(actor=admin, action="test.old")
    time_machine.move_to(NOW, tick=True)
    assert retention.look(key="cases", months=36).count == 1
    retention.run_due()
    assert list(type(waits).objects.all()) == [waits]
    assert not AuditEntry.objects.filter(action="test.old").exists()


@pytest.mark.parametrize(
    ("key", "months"), [("inactive", 1), ("inactive", 999), ("nothing", 12), ("events", None)]
)
def test_months_out_of_range_are_refused(key: str, months: int | None) -> None:
    with pytest.raises(retention.RetentionError):
        retention.set_months(key=key, months=months, actor=None)


def test_events_are_set_in_their_own_place() -> None:
    retention.set_months(key="events", months=12, actor=None)
    assert events_retention.months() == 12
    shown = {setting.kind.key: setting.months for setting in retention.settings()}
    assert shown["events"] == 12
    assert shown["inactive"] is None
    assert retention.look(key="events", months=12).count >= 0
