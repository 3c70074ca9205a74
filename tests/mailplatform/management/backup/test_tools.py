"""Postgres's programs are found by version, and get the password by no command line."""

from typing import Any

import pytest
from django.db import connections

from mailplatform.management.backup import tools
from mailplatform.management.backup.errors import BackupError


def test_programs_of_the_servers_version_or_newer() -> None:
    assert (tools.folder(15) / "pg_dump").exists()
    with pytest.raises(BackupError, match="install postgresql-client-99"):
        tools.folder(99)


def test_the_password_stands_in_the_environment_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = connections["owner"].settings_dict
    monkeypatch.setitem(settings, "PASSWORD", "geheim")
    monkeypatch.setitem(settings, "HOST", "127.0.0.1")
    monkeypatch.setitem(settings, "PORT", "1")
    monkeypatch.setenv("PGSERVICE", "another")
    found = tools.owners_database()
    assert "geheim" not in found.conninfo
    assert found.environment["PGPASSWORD"] == "geheim"
    assert "PGSERVICE" not in found.environment
    with pytest.raises(BackupError, match="Postgres cannot be reached"):
        found.connect()
