import datetime as dt
import threading
from io import StringIO
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
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


def held(seconds: float) -> threading.Timer:
    """A transaction that reads a table which the first migration of its app changes, for so long."""
    reader = psycopg.connect(**connections["owner"].get_connection_params(), autocommit=False)
    reader.execute("LOCK TABLE django_migrations IN ACCESS EXCLUSIVE MODE")
    timer = threading.Timer(seconds, reader.close)
    timer.start()
    return timer


def test_a_table_in_use_is_waited_for_without_stopping_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup_database, "LOCK_TIMEOUT_S", 0.1)
    monkeypatch.setattr(setup_database, "PAUSE_S", 0.05)
    errors = StringIO()
    timer = held(0.5)
    call_command("setup_database", stdout=StringIO(), stderr=errors, verbosity=0)
    timer.join()
    assert "A table is in use; trying again" in errors.getvalue()


def test_a_table_in_use_for_ever_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"LOCK_TIMEOUT_S": 0.05, "PAUSE_S": 0.01, "TRIES": 2}.items():
        monkeypatch.setattr(setup_database, name, value)
    timer = held(1.0)
    try:
        with pytest.raises(CommandError, match="run this command again"):
            call_command("setup_database", stdout=StringIO(), stderr=StringIO(), verbosity=0)
    finally:
        timer.join()
