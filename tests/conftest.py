"""The test database: made, migrated and emptied by the owner's role, used by the tests as the application's role.

Postgres and Redis themselves are started by `mailplatform.embedded.pytest_plugin`, before Django reads its settings.
"""

import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connections
from django.test import TransactionTestCase
from psycopg import sql
from pytest_django.plugin import DjangoDbBlocker

from mailplatform.core.grants import grant_app_role

# Playwright's event loop runs in the thread in which a browser test uses the database.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")

# What migrations fill; emptying it would take the roles and permissions away from the next test.
KEPT_TABLES = frozenset(
    {
        "django_migrations",
        "django_content_type",
        "auth_permission",
        "auth_group",
        "auth_group_permissions",
        "django_site",
    }
)

ALL_TABLES = """
    SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition
"""
TRUNCATE_TRIGGERS = """
    SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgtype & 32 = 32
"""


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_keepdb: bool,
    django_db_createdb: bool,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    """Let the owner create the database; point the application's connection at it."""
    owner, app = connections["owner"], connections["default"]
    production_name = owner.settings_dict["NAME"]
    with django_db_blocker.unblock():
        keep = django_db_keepdb and not django_db_createdb
        name = owner.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False, keepdb=keep)
        grant_app_role(owner, app.settings_dict["USER"])
        owner.close()
        app.close()
        app.settings_dict["NAME"] = name
    yield
    with django_db_blocker.unblock():
        app.close()
        if not django_db_keepdb:
            owner.creation.destroy_test_db(production_name, verbosity=0)


@pytest.fixture(scope="session", autouse=True)
def _flush_as_owner() -> Iterator[None]:
    """The application's role may not empty tables, so tests with real transactions are cleaned up by the owner."""
    original = TransactionTestCase._fixture_teardown
    TransactionTestCase._fixture_teardown = lambda self: flush()  # type: ignore[method-assign]
    yield
    TransactionTestCase._fixture_teardown = original  # type: ignore[method-assign]


def flush() -> None:
    """Empty every table that holds rows; lifts the ledger's TRUNCATE triggers for this one transaction.

    On a connection of its own, because Django forbids a test the aliases that it did not ask for.
    """
    with psycopg.connect(**_owner_parameters()) as owner:
        owner.execute("SET lock_timeout = '20s'")
        tables = [name for (name,) in owner.execute(ALL_TABLES) if name not in KEPT_TABLES]
        checks = [
            sql.SQL("(SELECT {} FROM {} LIMIT 1)").format(name, sql.Identifier(name)) for name in tables
        ]
        filled = [sql.Identifier(name) for (name,) in owner.execute(sql.SQL(" UNION ALL ").join(checks))]
        if filled:
            _truncate(owner, filled)


def _truncate(owner: psycopg.Connection, tables: list[sql.Identifier]) -> None:
    triggers = owner.execute(TRUNCATE_TRIGGERS).fetchall()
    names = [(sql.Identifier(table), sql.Identifier(trigger)) for table, trigger in triggers]
    for table, trigger in names:
        owner.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER {}").format(table, trigger))
    owner.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY CASCADE").format(sql.SQL(", ").join(tables)))
    for table, trigger in names:
        owner.execute(sql.SQL("ALTER TABLE {} ENABLE TRIGGER {}").format(table, trigger))


def _owner_parameters() -> dict[str, Any]:
    parameters = connections["owner"].settings_dict
    parts = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD"}
    found = {theirs: parameters[ours] for theirs, ours in parts.items() if parameters[ours]}
    return {**found, "dbname": connections["default"].settings_dict["NAME"]}
