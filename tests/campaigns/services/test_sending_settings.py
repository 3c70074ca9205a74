"""How this installation sends: one row, its bounds and its log."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from campaigns.models import SendingSettings
from campaigns.services import sending_settings
from mailplatform.accounts.models import AuditEntry

pytestmark = pytest.mark.django_db


def test_before_the_first_change_there_are_defaults_and_no_row() -> None:
    row = sending_settings.get()
    assert (row.grace_seconds, row.late_start_minutes, row.resend_by_itself) == (10, 60, False)
    assert (row.warm_up_plan, row.warm_up_started_on) == ([], None)
    assert not SendingSettings.objects.exists()


def test_a_change_is_kept_and_logged_once() -> None:
    day = dt.date(2026, 11, 22)
    sending_settings.update(actor=None, warm_up_started_on=day, grace_seconds=30)
    sending_settings.update(actor=None, grace_seconds=30)
    assert sending_settings.get().warm_up_started_on == day
    entry = AuditEntry.objects.get(action="sending_settings.changed")
    assert entry.detail == {"warm_up_started_on": [None, "2026-11-22"], "grace_seconds": [10, 30]}


@pytest.mark.parametrize(
    "changes",
    [{"grace_seconds": 601}, {"grace_seconds": -1}, {"late_start_minutes": 0}, {"warm_up_plan": [-1]}],
)
def test_out_of_bounds_changes_nothing(changes: dict[str, object]) -> None:
    with pytest.raises(sending_settings.InvalidSetting) as caught:
        sending_settings.update(actor=None, **changes)
    assert caught.value.problems.keys() == changes.keys()
    assert sending_settings.get().grace_seconds == 10


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(sending_settings.UnknownSetting):
        sending_settings.update(actor=None, id=2)


def test_the_database_holds_the_bounds_too() -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        SendingSettings.objects.create(id=2)
    with pytest.raises(IntegrityError), transaction.atomic():
        SendingSettings.objects.create(grace_seconds=601)
