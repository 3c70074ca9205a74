"""Postgres's own programs and how they reach the database, as the role that owns the tables."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg
from django.db import connections
from psycopg.conninfo import make_conninfo

from mailplatform.embedded.binaries import SYSTEM_POSTGRES, find_postgres
from mailplatform.embedded.errors import EmbeddedError

from .errors import BackupError

PARTS: Final = {"HOST": "host", "PORT": "port", "USER": "user", "NAME": "dbname"}


@dataclass(frozen=True, slots=True)
class Database:
    """Where the owner's database is. The password goes by the environment, where `ps` does not show it."""

    conninfo: str
    name: str
    environment: Mapping[str, str]

    def connect(self) -> psycopg.Connection[tuple[Any, ...]]:
        """Open a connection of our own. Raises BackupError."""
        try:
            return psycopg.connect(self.conninfo, password=self.environment.get("PGPASSWORD"))
        except psycopg.OperationalError as error:
            words = " ".join(str(error).split())
            raise BackupError(f"Postgres cannot be reached as the owner of the tables: {words}") from error


def owners_database() -> Database:
    """The database that DATABASE_OWNER_URL names."""
    settings = connections["owner"].settings_dict
    parts = {theirs: settings[ours] for ours, theirs in PARTS.items() if settings[ours]}
    options = {name: value for name, value in settings["OPTIONS"].items() if isinstance(value, str)}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if settings["PASSWORD"]:
        environment["PGPASSWORD"] = settings["PASSWORD"]
    return Database(make_conninfo(**{**options, **parts}), settings["NAME"], environment)


def folder(server_major: int) -> Path:
    """Where pg_dump, pg_restore and psql are, of the server's version or the next newer. Raises BackupError."""
    found = [(major, place) for place in _places() if (major := _major(place / "pg_dump")) >= server_major]
    if not found:
        raise BackupError(
            f"There is no pg_dump for Postgres {server_major}: install postgresql-client-{server_major} or newer."
        )
    return min(found)[1]


def _places() -> list[Path]:
    places = sorted(SYSTEM_POSTGRES.glob("*/bin"))
    with contextlib.suppress(EmbeddedError):
        places.append(find_postgres().folder)
    if on_path := shutil.which("pg_dump"):
        places.append(Path(on_path).resolve().parent)
    return [place for place in places if all((place / name).exists() for name in ("pg_restore", "psql"))]


def _major(program: Path) -> int:
    """The major version of a program; 0 where it does not run."""
    try:
        answer = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    found = re.search(r"\(PostgreSQL\) (\d+)", answer.stdout)
    return int(found[1]) if found else 0
