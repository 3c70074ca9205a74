"""What lies in files: the keys, the checkpoints, uploads, and whether the disk has room."""

import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from mailplatform.accounts import vault
from mailplatform.accounts.services import installation
from mailplatform.aws.checkup import Finding, Level
from subscribers.models import ConsentBlock, StorageCopyKind
from subscribers.selectors import storage_copies

# Shares of the disk that must be free, and what is enough on the largest disk.
FULL: Final = 0.03
NEARLY_FULL: Final = 0.10
PLENTY: Final = 50 * 1024**3


def keys() -> Iterator[Finding]:
    """Look whether the secrets are there and only ours to read."""
    yield from _ledger_key(Path(settings.LEDGER_KEY_FILE))
    checkpoints = Path(settings.LEDGER_CHECKPOINT_FILE)
    if checkpoints.exists() and not (checkpoints.is_file() and checkpoints.stat().st_mode & stat.S_IWUSR):
        yield Finding(Level.ERROR, "Checkpoints", f"{checkpoints} cannot be written: chmod u+w it")
    try:
        installation.credentials()
    except vault.SecretUnreadable as error:
        yield Finding(Level.ERROR, "Amazon secret key", str(error))


def _ledger_key(path: Path) -> Iterator[Finding]:
    if path.exists():
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield Finding(Level.ERROR, "Ledger key", f"others may read {path}: chmod 600 it")
        else:
            yield Finding(Level.OK, "Ledger key", str(path))
    elif ConsentBlock.objects.exists():
        lost = f"{path} is gone, so no consent and no unsubscribe can be recorded"
        yield Finding(Level.ERROR, "Ledger key", f"{lost}: put it back from your backup")
    else:
        yield Finding(Level.OK, "Ledger key", f"{path} will be made with the first consent")


def storage() -> Iterator[Finding]:
    """Write, read and delete a small file where uploads go; look at the nightly copies."""
    where = f"the bucket {settings.S3_BUCKET}" if settings.S3_BUCKET else str(settings.MEDIA_ROOT)
    content = secrets.token_bytes(16)
    try:
        name = default_storage.save("doctor/probe", ContentFile(content))
        with default_storage.open(name) as file:
            kept = file.read() == content
        default_storage.delete(name)
    except Exception as error:  # noqa: BLE001 - any storage may be configured, each with errors of its own
        cure = "mend its rights" if settings.S3_BUCKET else "make it writable for the user of the site"
        yield Finding(Level.ERROR, "Storage", f"{where} cannot be written ({error}): {cure}")
    else:
        cure = "" if kept else f"{where} gave back something else than was written: look at the disk"
        yield Finding(Level.OK if kept else Level.ERROR, "Storage", cure or where)
    yield from copies()


def copies() -> Iterator[Finding]:
    """Look whether the nightly copies in the storage are made."""
    for kind in StorageCopyKind:
        for warning in storage_copies.warnings(storage_copies.of(kind)):
            yield Finding(Level.ERROR, "Storage copies", warning)


def disk() -> Iterator[Finding]:
    """Look how much room the data directory has."""
    usage = shutil.disk_usage(settings.DATA_DIR)
    yield judged_room(str(settings.DATA_DIR), total=usage.total, free=usage.free)


def judged_room(path: str, *, total: int, free: int) -> Finding:
    """Say whether so many bytes are enough; a full disk stops Postgres."""
    share = free / total if total else 1.0
    words = f"{free / 1024**3:,.1f} GB ({share:.0%}) free at {path}"
    if free >= PLENTY or share >= NEARLY_FULL:
        return Finding(Level.OK, "Disk", words)
    level = Level.ERROR if share < FULL else Level.WARNING
    return Finding(level, "Disk", f"{words}: make room, or shorten what is kept under Settings, Retention")
