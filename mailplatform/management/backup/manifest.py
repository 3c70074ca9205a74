"""What a backup says of itself. It holds no secret: keys are named by their fingerprints."""

import datetime as dt
import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, Final

import psycopg
from django.db.migrations.loader import MigrationLoader

from mailplatform.core import keys

from .errors import BackupError

FORMAT: Final = 1
NAME: Final = "manifest.json"


@dataclass(frozen=True, slots=True)
class Part:
    """Bytes in the backup: how many, their SHA-256, and of how many files."""

    bytes: int
    sha256: str
    files: int = 1


@dataclass(frozen=True, slots=True)
class Head:
    """The last block of the consent register, as the checkpoints outside the database name it."""

    block: int
    last_id: int
    hash: str
    key_id: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup of one moment. `uploads` is None where they lie in `bucket`, which has copies of its own."""

    taken_at: dt.datetime
    postgres: int
    database_bytes: int
    installation: str
    data_key: str
    migrations: dict[str, list[str]]
    register: Head | None
    database: Part
    uploads: Part | None
    bucket: str = ""

    def text(self) -> bytes:
        """The file."""
        fields = {"format": FORMAT, **asdict(self), "taken_at": self.taken_at.isoformat()}
        return json.dumps(fields, indent=2).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What the database says of itself in one moment, which pg_dump is given by its name."""

    name: str
    taken_at: dt.datetime
    postgres: int
    database_bytes: int
    installation: str
    migrations: dict[str, list[str]]
    register: Head | None


def parse(text: bytes) -> Manifest:
    """Read a manifest. Raises BackupError."""
    try:
        fields = json.loads(text)
        if fields.pop("format") != FORMAT:
            raise BackupError(
                "The backup was made by a newer version of mailplatform: restore it with that one."
            )
        return Manifest(
            **fields
            | {
                "taken_at": dt.datetime.fromisoformat(fields["taken_at"]),
                "register": Head(**fields["register"]) if fields["register"] else None,
                "database": Part(**fields["database"]),
                "uploads": Part(**fields["uploads"]) if fields["uploads"] else None,
            }
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BackupError("The backup's manifest cannot be read: the file is damaged.") from error


def data_key() -> str:
    """What tells one DATA_KEY from another and gives none away."""
    return hashlib.sha256(keys.derive("backup")).hexdigest()[:16]


def look(connection: psycopg.Connection[tuple[Any, ...]]) -> Snapshot:
    """Take a snapshot that lasts as long as the connection's transaction. Raises BackupError without our tables."""
    connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    try:
        row = connection.execute(
            "SELECT pg_export_snapshot(), transaction_timestamp(), current_setting('server_version_num')::int / 10000,"
            " pg_database_size(current_database()), (SELECT public_id FROM accounts_installation WHERE id = 1)"
        ).fetchone()
        done = connection.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall()
        head = connection.execute(
            "SELECT number, last_id, encode(block_hash, 'hex'), key_id FROM subscribers_consentblock"
            " ORDER BY number DESC LIMIT 1"
        ).fetchone()
    except psycopg.errors.UndefinedTable as error:
        raise BackupError(
            "The database holds nothing of mailplatform yet: there is nothing to back up."
        ) from error
    assert row is not None
    name, taken_at, postgres, size, public_id = row
    migrations: dict[str, list[str]] = {}
    for app, migration in done:
        migrations.setdefault(app, []).append(migration)
    return Snapshot(
        name,
        taken_at.astimezone(dt.UTC),
        postgres,
        size,
        public_id.hex if public_id else "",
        migrations,
        Head(*head) if head else None,
    )


def unknown_migrations(manifest: Manifest) -> list[str]:
    """What the backup's tables have gone through and this version has never heard of, as "app 0001_name"."""
    loader = MigrationLoader(None, load=False)
    loader.load_disk()
    known = loader.disk_migrations or {}
    return [
        f"{app} {name}"
        for app, names in manifest.migrations.items()
        for name in names
        if (app, name) not in known
    ]
