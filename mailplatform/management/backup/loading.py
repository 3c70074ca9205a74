"""A dump into an empty database, in one transaction: all of it or nothing.

The application's role may read nothing of it at first. Workers that run all the same find closed doors, until the
restored database is locked and `setup_database` gives them their rights back; it gives none before (`unfinished`).
"""

import contextlib
import datetime as dt
import subprocess
import tempfile
import threading
from shutil import copyfileobj
from typing import IO, Any, Final

import psycopg
from django.db import connections, transaction
from psycopg import sql

from . import tools, unfinished
from .archive import CHUNK
from .errors import BackupError

_THINGS: Final = """
SELECT count(*) FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace
    AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""
_OTHERS: Final = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usesysid IS NOT NULL
    -- The kind is not shown of other roles, whose connections are the ones that matter.
    AND coalesce(backend_type, 'client backend') = 'client backend'
"""


def check_empty(database: tools.Database) -> int:
    """Return the server's major version. Raises BackupError unless the database is empty and nobody works in it."""
    with database.connect() as connection:
        if _number(connection, _THINGS):
            raise BackupError(
                f"The database “{database.name}” is not empty. A restore needs a new one and never overwrites: "
                "see “Restore” in docs/operations.md."
            )
        if others := _number(connection, _OTHERS):
            raise BackupError(
                f"{others} other connection(s) to “{database.name}”: stop the site, the workers and beat first."
            )
        return _number(connection, "SELECT current_setting('server_version_num')::int / 10000")


def load(database: tools.Database, dump: IO[bytes], *, server_major: int, taken_at: dt.datetime) -> None:
    """Fill the empty database. Raises BackupError; then it is as empty as before."""
    folder = tools.folder(server_major)
    with tempfile.TemporaryFile() as words:
        reading = subprocess.Popen(
            [str(folder / "pg_restore"), "--no-owner", "--no-privileges", "--no-comments", "--file=-"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=words, env=database.environment,
        )  # fmt: skip
        writing = subprocess.Popen(
            [str(folder / "psql"), "-X", "-q", "-w", "-v", "ON_ERROR_STOP=1", "-d", database.conninfo],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=words, env=database.environment,
        )  # fmt: skip
        try:
            is_whole = _pump(dump, reading, writing, _last_words(database, taken_at))
        finally:
            for process in (reading, writing):
                process.kill()
                process.wait()
        if not is_whole:
            words.seek(0)
            said = " ".join(words.read().decode(errors="replace").split())[-600:]
            raise BackupError(f"The dump could not be loaded, and the database is as empty as before: {said}")


def _pump(
    dump: IO[bytes], reading: "subprocess.Popen[bytes]", writing: "subprocess.Popen[bytes]", last_words: str
) -> bool:
    """Dump → pg_restore → psql; only what pg_restore ended well is committed. True when it was."""
    assert reading.stdin is not None
    assert reading.stdout is not None
    assert writing.stdin is not None
    feeding = threading.Thread(target=_feed, args=(dump, reading.stdin), daemon=True)
    feeding.start()
    try:
        writing.stdin.write(b"BEGIN;\n")
        copyfileobj(reading.stdout, writing.stdin, CHUNK)
        if reading.wait() == 0:
            writing.stdin.write(last_words.encode())
        writing.stdin.close()  # the end of psql's input
    except BrokenPipeError:  # psql gave up, and says why
        return False
    finally:
        reading.stdout.close()
        feeding.join()
        with contextlib.suppress(BrokenPipeError):
            writing.stdin.close()
    return writing.wait() == 0 and reading.returncode == 0


def _feed(dump: IO[bytes], pipe: IO[bytes]) -> None:
    # Where pg_restore gave up, it says why; also where the file cannot be read to its end, which it would wait for.
    try:
        with contextlib.suppress(BrokenPipeError):
            copyfileobj(dump, pipe, CHUNK)
    finally:
        with contextlib.suppress(BrokenPipeError):
            pipe.close()


def _last_words(database: tools.Database, taken_at: dt.datetime) -> str:
    with database.connect() as connection:
        lines = [each.as_string(connection) for each in _closing(taken_at)]
    return "\n".join(["", *lines, "COMMIT;", ""])


def shut_out(taken_at: dt.datetime) -> None:
    """Let nobody work with a database that something else put back, until it is locked."""
    owner = connections["owner"]
    with transaction.atomic(using="owner"), owner.cursor() as cursor:
        for each in _closing(taken_at):
            cursor.execute(each.as_string(owner.connection))


def _closing(taken_at: dt.datetime) -> list[sql.Composed]:
    """Say that this is unfinished, and shut the application's role out."""
    app = connections["default"].settings_dict["USER"]
    words = [unfinished.MARK.format(sql.Literal(taken_at))]
    if app != connections["owner"].settings_dict["USER"]:
        revoke = sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {};")
        words.append(revoke.format(sql.Identifier(app)))
    return words


def _number(connection: psycopg.Connection[tuple[Any, ...]], statement: str) -> int:
    row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return int(row[0])


def fits(server_major: int, dumped_from: int) -> None:
    """Raise BackupError where the server is older than the one that the dump comes from."""
    if server_major < dumped_from:
        raise BackupError(
            f"The backup comes from Postgres {dumped_from}, and this server is version {server_major}: "
            f"use {dumped_from} or newer."
        )
