"""Making a backup while everything runs: one snapshot for the dump and for what the manifest says of it."""

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from django.conf import settings

from mailplatform.core import clock

from . import archive, manifest, tools
from .errors import BackupError
from .manifest import Manifest, Part, Snapshot

# Sessions would let whoever has the file sign in, and without them nobody is signed in anywhere; staged rows of an
# import are read again from its file.
_OPTIONS: Final = (
    "--format=custom", "--no-password", "--no-unlogged-table-data",
    "--exclude-table-data=public.django_session", "--exclude-table-data=public.accounts_usersession",
)  # fmt: skip


def take(target: Path) -> tuple[Path, Manifest]:
    """Write a backup to the file `target`, or to a file of this moment in the folder `target`.

    Nothing is overwritten, and nothing half is left under its name. Raises BackupError.
    """
    path = target / f"mailplatform-{clock.now():%Y%m%dT%H%M%SZ}.backup" if target.is_dir() else target
    if path.exists():
        raise BackupError(f"{path} exists already: name another file.")
    with _whole_or_nothing(path) as file:
        found = _write(file)
    return path, found


@contextlib.contextmanager
def _whole_or_nothing(path: Path) -> Iterator[IO[bytes]]:
    """A file that only we may read, which gets its name when all of it is on the disk."""
    part = path.with_name(f"{path.name}.part")
    try:
        handle = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise BackupError(
            f"{part} exists: another backup is at work, or one was killed; then remove it."
        ) from error
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError as error:
        raise BackupError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        part.unlink(missing_ok=True)


def _write(file: IO[bytes]) -> Manifest:
    database = tools.owners_database()
    writer = archive.Writer(file)
    with database.connect() as connection:
        seen = manifest.look(connection)
        dumped = _dump(writer, database, seen)
    bucket = settings.S3_BUCKET
    found = Manifest(
        taken_at=seen.taken_at,
        postgres=seen.postgres,
        database_bytes=seen.database_bytes,
        installation=seen.installation,
        data_key=manifest.data_key(),
        migrations=seen.migrations,
        register=seen.register,
        database=dumped,
        uploads=None if bucket else writer.add_folder(Path(settings.MEDIA_ROOT)),
        bucket=bucket,
    )
    writer.end(found)
    return found


def _dump(writer: archive.Writer, database: tools.Database, seen: Snapshot) -> Part:
    program = tools.folder(seen.postgres) / "pg_dump"
    command = [str(program), *_OPTIONS, f"--snapshot={seen.name}", f"--dbname={database.conninfo}"]
    with tempfile.TemporaryFile() as words:
        dumping = subprocess.Popen(
            command, env=database.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=words
        )
        assert dumping.stdout is not None
        try:
            part = writer.add_stream(archive.DATABASE, dumping.stdout)
        finally:
            dumping.stdout.close()
            code = dumping.wait()
        if code:
            words.seek(0)
            raise BackupError(
                f"pg_dump failed: {' '.join(words.read().decode(errors='replace').split())[-500:]}"
            )
    return part
