"""Copies that beat keeps in the storage: the list of blocked addresses each night, and the ledger's checkpoints.

The list lies under `suppression/`, a file per day, and the import wizard reads it back. It holds keyed hashes, which
mean nothing without our key, or where the installation wants it the addresses of people whom we still know.
Checkpoints are copied only where there is a bucket for them (`STORAGES["ledger"]`): on the same disk they would prove
nothing more.
"""

import csv
import datetime as dt
import tempfile
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any, Final

import structlog
from django.conf import settings
from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, default_storage, storages
from django.db import connection, transaction

from mailplatform.aws.storage import STORAGE_ERRORS
from mailplatform.core import clock

from ..ledger import checkpoint_copies
from ..models import StorageCopy, StorageCopyKind

log = structlog.get_logger(__name__)
FOLDER: Final = "suppression"
KEPT_DAYS: Final = 14
EVERY: Final = dt.timedelta(hours=23)
AT_ONCE: Final = 5_000
_LOCK: Final = 7304
# Whoever was merged is blocked under the address of who stays; their old address means nothing elsewhere.
_LIVE: Final = """
    SELECT x.id, CASE WHEN %(addresses)s AND s.email <> '' THEN s.email ELSE encode(x.email_key, 'hex') END, x.reason
    FROM subscribers_suppression x LEFT JOIN subscribers_subscriber s ON s.email_key = x.email_key
    WHERE x.lifted_at IS NULL AND x.reason <> 'merged' AND x.id > %(after)s ORDER BY x.id LIMIT %(limit)s
"""


def run_due() -> list[StorageCopy]:
    """Copy what is due: checkpoints each time, the list of blocked addresses once a day. Failures are noted."""
    done = StorageCopy.objects.filter(
        kind=StorageCopyKind.SUPPRESSION, error="", done_at__gt=clock.now() - EVERY
    )
    made = [] if done.exists() else [_note(StorageCopyKind.SUPPRESSION, copy_suppressions)]
    if "ledger" in settings.STORAGES:
        made.append(_note(StorageCopyKind.CHECKPOINTS, copy_checkpoints))
    return made


def copy_suppressions() -> tuple[str, int]:
    """Write today's list; return its name and how many rows. A second time on one day replaces the first."""
    today = clock.now().date()
    name = f"{FOLDER}/{today.isoformat()}.csv"
    with tempfile.TemporaryFile() as target:
        rows = _write(target)
        target.seek(0)
        _replace(default_storage, name, File(target))
    _forget_old(today)
    return name, rows


def copy_checkpoints() -> tuple[str, int]:
    """Copy the checkpoints that are not copied yet; return the last piece's name and how many lines were new.

    Raises checkpoint_copies.NotAPrefix where lines were cut off from the file.
    """
    store, name, lines = storages["ledger"], "", 0
    with transaction.atomic(), connection.cursor() as cursor:
        # Two workers at once would write overlapping pieces.
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        path = Path(settings.LEDGER_CHECKPOINT_FILE)
        for piece, content in checkpoint_copies.missing(store, path):
            name = store.save(piece, ContentFile(content))
            lines += content.count(b"\n")
    return name, lines


def _note(kind: StorageCopyKind, copy: Callable[[], tuple[str, int]]) -> StorageCopy:
    now = clock.now()
    row, _ = StorageCopy.objects.get_or_create(kind=kind, defaults={"tried_at": now})
    row.tried_at = now
    try:
        name, row.rows = copy()
    except (*STORAGE_ERRORS, checkpoint_copies.NotAPrefix) as error:
        log.exception("storage_copy_failed", kind=kind.value)
        row.error = (str(error) or type(error).__name__)[:300]
    else:
        row.name, row.error, row.done_at = name or row.name, "", now
    row.save()
    return row


def _write(target: IO[bytes]) -> int:
    text = TextIOWrapper(target, "utf-8", newline="")
    writer = csv.writer(text)
    writer.writerow(["address_or_hash", "reason"])
    count = 0
    for rows in _chunks():
        writer.writerows(rows)
        count += len(rows)
    text.detach()
    return count


def _chunks() -> Iterator[list[tuple[str, str]]]:
    values: dict[str, Any] = {
        "after": 0,
        "limit": AT_ONCE,
        "addresses": settings.SUPPRESSION_COPY == "addresses",
    }
    while True:
        with connection.cursor() as cursor:
            cursor.execute(_LIVE, values)
            rows = cursor.fetchall()
        if not rows:
            return
        yield [(name, reason) for _, name, reason in rows]
        values["after"] = rows[-1][0]


def _replace(storage: Storage, name: str, content: File[Any]) -> None:
    """Store under exactly this name, also where the storage would choose another one rather than overwrite."""
    if storage.get_available_name(name) != name:
        storage.delete(name)
    storage.save(name, content)


def _forget_old(today: dt.date) -> None:
    oldest = today - dt.timedelta(days=KEPT_DAYS)
    for name in default_storage.listdir(FOLDER)[1]:
        try:
            day = dt.date.fromisoformat(name.removesuffix(".csv"))
        except ValueError:  # not ours
            continue
        if day < oldest:
            default_storage.delete(f"{FOLDER}/{name}")
