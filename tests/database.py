"""The tests' database: migrated once into a template, copied for each process, emptied after real commits.

The template's name holds a hash of everything that migrating reads, so that a change of any of it makes a new one.
"""

import datetime as dt
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
from django.apps import apps
from django.db import connections
from psycopg import sql

import mailplatform.core.grants
from mailplatform.embedded.layout import SUPERUSER
from mailplatform.embedded.postgres import ROLES_SQL

ROOT = Path(__file__).parents[1]
TEMPLATE = "template_mailplatform_"
# Of the databases in which processes wait for each other; any number that nobody else uses.
LOCK = 7_221_964
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

# Those that hold anything, dead rows included: asking for a file's size is quicker than looking inside.
FILLED_TABLES = """
    SELECT c.relname, pg_relation_size(c.oid) FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND pg_relation_size(c.oid) > 0
    ORDER BY c.relname
"""
# pg_depend: the sequence of a column, whether serial ('a') or identity ('i'); of a partition, its parent's.
RESTART = """
    SELECT setval(s.oid::regclass, 1, false)
    FROM pg_class s JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i')
    WHERE s.relkind = 'S' AND d.refobjid IN (
        SELECT coalesce(pg_partition_root(c.oid), c.oid) FROM pg_class c
        WHERE c.relnamespace = 'public'::regnamespace AND c.relname = ANY(%s)
    )
"""
# TRUNCATE may reach more tables than it names.
TRUNCATE_TRIGGERS = """
    SELECT c.relname, t.tgname, t.tgenabled = 'A' FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgtype & 32 = 32
"""
# They fire even where a superuser skips the others.
ALWAYS_TRIGGERS = """
    SELECT c.relname, t.tgname, true FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
    WHERE NOT t.tgisinternal AND t.tgenabled = 'A' AND c.relname = ANY(%(tables)s)
"""
SESSIONS = """
    SELECT usename, state, now() - state_change, left(query, 300) FROM pg_stat_activity
    WHERE datname = %s AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
BREAK = """
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE datname = %s AND usename = current_user AND pid <> pg_backend_pid()
"""
# Tests ask for plans. When Postgres would look at a table, and how many rows a test has in it then, is chance.
NO_STATISTICS = """
    DO $$ DECLARE name regclass; BEGIN
        FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' LOOP
            EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name);
        END LOOP;
    END $$
"""
# Up to here DELETE is quicker than TRUNCATE, which makes new files for a table and each of its indexes.
SMALL_BYTES = 1_000_000


def create_copy() -> str:
    """Make this process's database as a copy of the template; return its name."""
    owner = connections["owner"]
    # As Django would name it; beside other processes pytest-django has chosen the name.
    name = owner.settings_dict["TEST"]["NAME"] or f"test_{owner.settings_dict['NAME']}"
    template = f"{TEMPLATE}{_fingerprint()}"
    with _maintenance() as server:
        server.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        if not _exists(server, template):
            _drop_stale(server, keep=template)
            _make_template(server, template)
        copy = sql.Identifier(name)
        server.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(copy))
        server.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(copy, sql.Identifier(template)))
    owner.settings_dict["NAME"] = name
    return name


def wait_until_left(name: str, seconds: float = 60.0) -> None:
    """Wait for who still works in the database, such as a page that was closed while it was made, before it is dropped.

    Postgres itself waits for five seconds only, and names nobody.
    """
    owner, until = connections["owner"], time.monotonic() + seconds
    owner.close()
    with _maintenance() as server:
        while found := server.execute(SESSIONS, [name]).fetchall():
            assert time.monotonic() < until, f"still connected to the tests' database: {found}"
            time.sleep(0.1)


@contextmanager
def away() -> Iterator[None]:
    """Break every connection of the application to the tests' database and refuse new ones, as a restart does."""
    app = connections["default"].settings_dict
    name, allow = sql.Identifier(app["NAME"]), sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    # A role may end its own sessions only, and no database can be shut from within.
    with (
        psycopg.connect(**_parameters() | {"dbname": "postgres"}, autocommit=True) as owner,
        psycopg.connect(**_parameters("default"), autocommit=True) as same_role,
    ):
        owner.execute(allow.format(name, sql.SQL("false")))
        try:
            same_role.execute(BREAK, [app["NAME"]])
            yield
        finally:
            owner.execute(allow.format(name, sql.SQL("true")))


def _fingerprint() -> str:
    digest = hashlib.sha256()
    # The migrations make partitions for the months around today.
    digest.update(dt.datetime.now(dt.UTC).date().isoformat().encode())
    files = [ROOT / "requirements.txt", ROLES_SQL, Path(mailplatform.core.grants.__file__), Path(__file__)]
    for app in apps.get_app_configs():
        digest.update(app.name.encode())
        files += sorted(Path(app.path, "migrations").glob("*.py"))
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


@contextmanager
def _maintenance() -> Iterator[psycopg.Connection]:
    """A connection to the database that is no test's; whoever holds LOCK in it makes or copies the template."""
    with psycopg.connect(**_parameters(), autocommit=True) as connection:
        yield connection


def _exists(server: psycopg.Connection, name: str) -> bool:
    return server.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _drop_stale(server: psycopg.Connection, *, keep: str) -> None:
    found = server.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [TEMPLATE])
    for (name,) in found.fetchall():
        if name != keep:
            server.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def _make_template(server: psycopg.Connection, template: str) -> None:
    """Migrate a draft and rename it when whole, so that an interruption leaves no half."""
    owner, app = connections["owner"], connections["default"]
    production, test = owner.settings_dict["NAME"], owner.settings_dict["TEST"]
    wanted, test["NAME"] = test["NAME"], f"{TEMPLATE}draft"
    try:
        draft = owner.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        grant_rights(app.settings_dict["USER"])
        with owner.cursor() as cursor:
            cursor.execute(NO_STATISTICS)
        owner.close()
    finally:
        owner.settings_dict["NAME"], test["NAME"] = production, wanted
    server.execute(
        sql.SQL("ALTER DATABASE {} RENAME TO {}").format(sql.Identifier(draft), sql.Identifier(template))
    )


def grant_rights(role: str) -> None:
    """Give the application's role its rights in the database to which the owner is connected."""
    mailplatform.core.grants.grant_app_role(connections["owner"], role)


def flush() -> None:
    """Empty every table that holds rows, and begin to count anew.

    On a connection of its own, because Django forbids a test the aliases that it did not ask for. As the embedded
    server's superuser, whom triggers and foreign keys let pass; as the owner, where the server is somebody else's.
    """
    with _cleaner() as (connection, may_skip_triggers):
        connection.execute("SET LOCAL lock_timeout = '20s'")
        found = [row for row in connection.execute(FILLED_TABLES) if row[0] not in KEPT_TABLES]
        if not found:
            return
        small = [name for name, size in found if size <= SMALL_BYTES and may_skip_triggers]
        large = [name for name, _ in found if name not in small]
        if small:
            _delete(connection, small)
        if large:
            _truncate(connection, large)
        _restart(connection, [name for name, _ in found])


@contextmanager
def _cleaner() -> Iterator[tuple[psycopg.Connection, bool]]:
    parameters = _parameters() | {"dbname": connections["default"].settings_dict["NAME"]}
    try:
        connection = psycopg.connect(**parameters | {"user": SUPERUSER})
    except psycopg.OperationalError:
        connection = psycopg.connect(**parameters)
    with connection:
        row = connection.execute("SELECT usesuper FROM pg_user WHERE usename = current_user").fetchone()
        assert row is not None
        yield connection, row[0]


def _delete(connection: psycopg.Connection, tables: list[str]) -> None:
    names = [sql.Identifier(name) for name in tables]
    # Who is still writing is waited for, as TRUNCATE would.
    connection.execute(sql.SQL("LOCK {} IN SHARE ROW EXCLUSIVE MODE").format(sql.SQL(", ").join(names)))
    with _silenced(connection, ALWAYS_TRIGGERS, tables):
        # Neither other triggers nor foreign keys are asked.
        skip = sql.SQL("SET LOCAL session_replication_role = replica")
        statements = [sql.SQL("DELETE FROM {}").format(name) for name in names]
        connection.execute(sql.SQL("; ").join([skip, *statements]))


def _truncate(connection: psycopg.Connection, tables: list[str]) -> None:
    with _silenced(connection, TRUNCATE_TRIGGERS, tables):
        filled = sql.SQL(", ").join(map(sql.Identifier, tables))
        connection.execute(sql.SQL("TRUNCATE {} CASCADE").format(filled))


@contextmanager
def _silenced(connection: psycopg.Connection, which: LiteralString, tables: list[str]) -> Iterator[None]:
    """Switch triggers off, and on again as they were."""
    change = sql.SQL("ALTER TABLE {} {} TRIGGER {}")
    triggers = connection.execute(which, {"tables": tables}).fetchall()
    for table, trigger, _ in triggers:
        connection.execute(change.format(sql.Identifier(table), sql.SQL("DISABLE"), sql.Identifier(trigger)))
    yield
    for table, trigger, always in triggers:
        on = sql.SQL("ENABLE ALWAYS" if always else "ENABLE")
        connection.execute(change.format(sql.Identifier(table), on, sql.Identifier(trigger)))


def _restart(connection: psycopg.Connection, tables: list[str]) -> None:
    connection.execute(RESTART, [tables])


def _parameters(alias: str = "owner") -> dict[str, Any]:
    """psycopg's words for a connection, to the database of the settings."""
    parameters = connections[alias].settings_dict
    parts = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
    return {theirs: parameters[ours] for theirs, ours in parts.items() if parameters[ours]}
