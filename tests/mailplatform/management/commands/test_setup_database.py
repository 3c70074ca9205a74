import datetime as dt
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection, connections, transaction

from mailplatform.management.commands import setup_database

pytestmark = pytest.mark.django_db(databases=["default", "owner"], transaction=True)


def partitions(parent: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass", [parent]
        )
        return {row[0] for row in cursor.fetchall()}


def test_it_may_be_repeated() -> None:
    output = StringIO()
    call_command("setup_database", stdout=StringIO(), verbosity=0)
    call_command("setup_database", stdout=output, verbosity=1)
    assert "subscribers_consentrecord" in output.getvalue()


def test_the_coming_months_have_partitions() -> None:
    setup_database.ensure_partitions(dt.date(2031, 11, 30))
    wanted = {"events_event_203110", "events_event_203111", "events_event_203112", "events_event_203201"}
    assert wanted <= partitions("events_event")


def test_the_application_may_not_change_its_ledger() -> None:
    call_command("setup_database", stdout=StringIO(), verbosity=0)
    for statement in (
        "UPDATE subscribers_consentrecord SET purpose = ''",
        "DELETE FROM subscribers_consentrecord",
        "TRUNCATE subscribers_consentrecord",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            connection.cursor().execute(statement)


def test_one_role_for_both_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    owner: dict[str, Any] = connections["owner"].settings_dict
    monkeypatch.setitem(connections["default"].settings_dict, "USER", owner["USER"])
    errors = StringIO()
    command = setup_database.Command(stdout=StringIO(), stderr=errors)
    command.grant()
    assert "could change its own consent ledger" in errors.getvalue()
