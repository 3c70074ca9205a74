"""Putting an installation back to a backup, locked for sending: `campaigns.services.restoring` says what that means."""

import contextlib
import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.db import connections, transaction

from campaigns.models import Restore
from campaigns.services import restoring
from mailplatform.embedded import postgres, recovery
from mailplatform.embedded.binaries import find_postgres
from mailplatform.embedded.errors import EmbeddedError
from mailplatform.embedded.layout import Layout
from mailplatform.embedded.locks import exclusively
from subscribers.ledger import keys
from subscribers.ledger.report import Report
from subscribers.selectors import register
from subscribers.services import sealing

from . import loading, manifest, tools, unfinished
from .archive import Reader
from .errors import BackupError
from .manifest import Manifest


@dataclass(frozen=True, slots=True)
class Restored:
    """What was put back, and what was found out about the register."""

    restore: Restore
    report: Report
    warnings: list[str]
    uploads: int = 0


def restore(path: Path, *, say: Callable[[str], None]) -> Restored:
    """Fill the empty database from a backup, lock sending, and check the register. Raises BackupError."""
    reader = Reader(path)
    with contextlib.closing(reader):
        found = reader.manifest
        _check_fits(found)
        connections.close_all()
        database = tools.owners_database()
        server = loading.check_empty(database)
        loading.fits(server, found.postgres)
        say("Reading the whole file …")
        reader.check()
        say(f"Loading the database of {found.taken_at:%d %b %Y, %H:%M:%S} UTC …")
        loading.load(database, reader.database(), server_major=server, taken_at=found.taken_at)
        made = lock(taken_at=found.taken_at, found=found)
        uploads, warnings = _put_uploads(reader)
    return Restored(made.restore, made.report, made.warnings + warnings + _about_uploads(found), uploads)


def lock(*, taken_at: dt.datetime, found: Manifest | None = None) -> Restored:
    """Lock a database that was put back to an earlier time, bring its tables up to date, and check its register.

    The application gets its rights last of all, and has none until then: whoever is killed on the way finds a database
    that `setup_database` does not open.
    """
    loading.shut_out(taken_at)
    call_command("migrate", database="owner", interactive=False, verbosity=0)
    with _as_owner():
        report, lost = register.verify_restored()
        with transaction.atomic():
            made = restoring.lock(taken_at=taken_at, lost_records=lost)
            unfinished.forget(connections["default"])
        warnings = _begin_checkpoints() if report.ok else []
        if found is not None:
            warnings += _about_head(found)
    call_command("setup_database", verbosity=0)
    return Restored(made, report, warnings)


def replay(base: Path, archive: Path, *, is_complete: bool) -> tuple[dt.datetime | None, Restored | None]:
    """Put the embedded Postgres back by a base backup and archived WAL; return the time of its last transaction.

    Locked as of that time, unless the operator knows that the archive lacks nothing. Raises BackupError.
    """
    layout = Layout.of(settings.DATA_DIR)
    if connections["owner"].settings_dict["HOST"] != str(layout.socket_dir):
        raise BackupError(
            "Postgres is not the embedded one: recover it by its own means, then run restore --lock-as-of TIME."
        )
    connections.close_all()
    try:
        with exclusively(layout.lock_file):
            last = recovery.replay(postgres.server(layout, find_postgres()), base=base, archive=archive)
    except EmbeddedError as error:
        raise BackupError(f"{error}.") from error
    if is_complete:
        return last, None
    if last is None:
        raise BackupError(
            "There was no transaction in the archive: say with --lock-as-of when the base backup was made."
        )
    return last, lock(taken_at=last)


def _check_fits(found: Manifest) -> None:
    """Raise BackupError where this installation could not live with the backup."""
    if unknown := manifest.unknown_migrations(found):
        raise BackupError(
            f"A newer version of mailplatform made the backup ({unknown[0]} is not known here): "
            "restore it with that one."
        )
    if found.data_key != manifest.data_key():
        raise BackupError(
            "DATA_KEY is another one than when the backup was made: links in mail and the hashes of blocked addresses "
            "would be worthless. Set the old one first."
        )


@contextlib.contextmanager
def _as_owner() -> Iterator[None]:
    """Let the owner ask what is asked of the application's database: the application has no rights yet."""
    app = connections["default"]
    connections["default"] = connections["owner"]
    try:
        yield
    finally:
        connections["default"] = app


def _begin_checkpoints() -> list[str]:
    try:
        aside = sealing.begin_checkpoints_anew()
    except (keys.KeyFileError, sealing.LedgerKeyError) as error:
        return [f"{error}. Without that key nothing can be recorded, not even an unsubscribe."]
    return [f"The checkpoints until the restore are in {aside}: keep them."] if aside else []


def _about_head(found: Manifest) -> list[str]:
    head = register.state().head
    ours = (head.number, bytes(head.block_hash).hex()) if head else None
    theirs = (found.register.block, found.register.hash) if found.register else None
    return [] if ours == theirs else ["The register does not end where the backup's manifest says."]


def _put_uploads(reader: Reader) -> tuple[int, list[str]]:
    """The database is back: what is amiss now is told with the rest."""
    try:
        return reader.put_uploads(Path(settings.MEDIA_ROOT)), []
    except (OSError, BackupError) as error:
        how = f"unpack “uploads” of the file by tar into {settings.MEDIA_ROOT}"
        return 0, [f"Not all uploads could be written ({error}): {how}."]


def _about_uploads(found: Manifest) -> list[str]:
    if found.uploads is None and found.bucket != settings.S3_BUCKET:
        return [f"The uploads are in the bucket {found.bucket}, which is not the one of the settings."]
    if found.uploads is not None and settings.S3_BUCKET and found.uploads.files:
        return [
            f"The uploads of the backup were written to {settings.MEDIA_ROOT}: copy them to {settings.S3_BUCKET}."
        ]
    return []
