"""The embedded Postgres out of a base backup and the WAL that was archived since: point-in-time recovery.

https://www.postgresql.org/docs/17/continuous-archiving.html. The archive is what `pg_receivewal` or an
`archive_command` wrote; of a receiver that was killed the last file ends in `.partial`, and counts.
"""

import datetime as dt
import shlex
import shutil
import time
from pathlib import Path
from typing import Final

import psycopg

from . import postgres, privileges
from .errors import EmbeddedError
from .postgres import Server

PATIENCE_S: Final = 6 * 3600.0


def replay(it: Server, *, base: Path, archive: Path, seconds: float = PATIENCE_S) -> dt.datetime | None:
    """Put the data back and replay all WAL there is; return when the last transaction was committed, if there was one.

    The server runs afterwards. Call it under the lock. Raises EmbeddedError; data that are there are never overwritten.
    """
    _check(it, base, archive)
    postgres.private_folder(it.home, it.run_as.owner)
    draft = it.home / "data.draft"
    shutil.rmtree(draft, ignore_errors=True)
    shutil.copytree(base, draft, symlinks=True)
    _ask_for_recovery(draft, archive)
    draft.chmod(0o700)
    privileges.give(draft, it.run_as.owner)
    draft.rename(it.data)
    postgres.start(it)
    return _wait(it, seconds)


def _check(it: Server, base: Path, archive: Path) -> None:
    if it.is_running() or it.data.exists():
        message = f"{it.data} is there: stop the servers and move it away first"
        raise EmbeddedError(message)
    if not (base / "backup_label").exists() or not (base / "PG_VERSION").exists():
        message = f"{base} is no base backup: it is what `pg_basebackup --pgdata` writes"
        raise EmbeddedError(message)
    if (made_by := (base / "PG_VERSION").read_text().strip()) != str(it.program.major):
        message = f"the base backup is of Postgres {made_by}, and this is {it.program.major}"
        raise EmbeddedError(message)
    if not archive.is_dir():
        message = f"{archive} is no folder of archived WAL"
        raise EmbeddedError(message)


def _ask_for_recovery(data: Path, archive: Path) -> None:
    """Say where the WAL is, in the file that Postgres reads last."""
    source = shlex.quote(str(archive.absolute())).replace("%", "%%")
    command = f"cp {source}/%f %p || cp {source}/%f.partial %p".replace("'", "''")
    with (data / "postgresql.auto.conf").open("a") as file:
        # Whoever waited for a receiver of WAL would wait for ever: there is none yet.
        file.write(f"restore_command = '{command}'\nsynchronous_standby_names = ''\n")
    (data / "recovery.signal").touch()
    (data / "postmaster.pid").unlink(missing_ok=True)


def _wait(it: Server, seconds: float) -> dt.datetime | None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with postgres.superuser(it, "postgres") as connection:
                row = connection.execute(
                    "SELECT pg_is_in_recovery(), pg_last_xact_replay_timestamp()"
                ).fetchone()
                assert row is not None
                if not row[0]:
                    connection.execute("ALTER SYSTEM RESET restore_command")
                    # From the next reload on local.conf counts again, or nobody would ever be waited for.
                    connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
                    last: dt.datetime | None = row[1]
                    return last
        except psycopg.OperationalError as error:
            if not it.is_running():
                message = f"the recovery failed: {it.log.read_text(errors='replace').strip()[-1500:]}"
                raise EmbeddedError(message) from error
        time.sleep(0.2)
    message = f"the recovery did not end within {seconds:.0f} s; see {it.log}"
    raise EmbeddedError(message)
