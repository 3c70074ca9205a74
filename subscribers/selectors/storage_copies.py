"""How the copies in the storage stand, and what the checkpoints there say of the ledger."""

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from django.conf import settings
from django.core.files.storage import storages

from mailplatform.aws.storage import STORAGE_ERRORS
from mailplatform.core import clock

from ..ledger import checkpoint_copies, checkpoints
from ..ledger.report import Kind, Report
from ..models import StorageCopy, StorageCopyKind

LATE: Final = dt.timedelta(days=2)


def has_bucket() -> bool:
    """Tell whether checkpoints are copied at all."""
    return "ledger" in settings.STORAGES


def of(kind: StorageCopyKind) -> StorageCopy | None:
    """Return how the newest copy of a kind went, None before the first."""
    return StorageCopy.objects.filter(kind=kind).first()


def warnings(copy: StorageCopy | None) -> list[str]:
    """Say what is wrong with the copies of a kind; nothing before the first one."""
    if copy is None:
        return []
    what = StorageCopyKind(copy.kind).label
    if copy.error:
        return [
            f"{what} could not be copied to the storage on {copy.tried_at:%Y-%m-%d %H:%M} UTC: {copy.error}"
        ]
    if copy.done_at is None or clock.now() - copy.done_at > LATE:
        return [f"{what} was last copied to the storage more than two days ago: is the scheduler running?"]
    return []


def compare_checkpoints(report: Report, found: checkpoints.Audit) -> None:
    """Hold the checkpoints of the file against their copies in the bucket; what differs is a fault of the report.

    Copies that cannot be read prove nothing either way, which the report says, and so do those of an earlier file.
    """
    path = Path(settings.LEDGER_CHECKPOINT_FILE)
    if not has_bucket():
        return
    try:
        own = checkpoint_copies.folder_of(path) if path.exists() else ""
        others = [name for name in _folders() if f"{checkpoint_copies.FOLDER}/{name}" != own]
        for number, line in enumerate(_lines(own) if own else (), start=1):
            copied = checkpoints.parse(line)
            if copied is None or found.hashes.get(copied.block) != copied.block_hash:
                report.add(Kind.CHECKPOINT, f"copied checkpoint {number} is not in the checkpoint file")
    except STORAGE_ERRORS as error:
        report.notes.append(f"The copies of the checkpoints could not be read: {error}")
        return
    if others:
        report.notes.append(
            f"The bucket also holds the checkpoints of {len(others)} other file(s). After a restore, or where several"
            " installations share the bucket, that is as it should be; otherwise the file here was replaced."
        )


def _folders() -> list[str]:
    try:
        return storages["ledger"].listdir(checkpoint_copies.FOLDER)[0]
    except FileNotFoundError:
        return []


def _lines(folder: str) -> Iterator[bytes]:
    store = storages["ledger"]
    for _, _, name in checkpoint_copies.pieces(store, folder):
        with store.open(name, "rb") as file:
            yield from file.read().splitlines(keepends=True)
