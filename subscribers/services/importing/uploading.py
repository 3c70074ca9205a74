"""A file comes in: stored, read a little, and a meaning proposed for each of its columns."""

import hashlib
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import Any, Final

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.aws.storage import STORAGE_ERRORS

from ...importing import columns as mapping
from ...importing import exports, order_columns
from ...importing.cells import Cell
from ...importing.columns import Column
from ...importing.containers import NO_ROOM
from ...importing.errors import FileRefusedError
from ...importing.expanding import json_columns
from ...importing.reading import open_table
from ...importing.records import Table
from ...merging.staging import byte_stream
from ...models import CustomField, ImportJob, ImportKind, ImportState, MailingList
from .errors import OPEN_STATES, ImportStateError

MAX_FILE: Final = 1_000_000_000  # bytes
STORAGE_FOLDERS: Final = ("subscribers/", "orders/", "suppression/")
SAMPLE_ROWS: Final = 10
GUESS_ROWS: Final = 500
NOT_TAKEN: Final = "The storage does not answer, so the file could not be kept. Try again later."
_BLOCK: Final = 1 << 20


def create_job(
    *,
    file: File[Any],
    file_name: str = "",
    actor: User | None = None,
    mailing_list: MailingList | None = None,
    encoding: str = "",
    delimiter: str = "",
    kind: str = ImportKind.PEOPLE,
) -> ImportJob:
    """Store an uploaded file as a new import with a proposed mapping.

    ``file`` is read twice, in blocks. Raises FileRefusedError, and then stores nothing, for what is no table.
    """
    name = (file_name or file.name or "file").rsplit("/", 1)[-1][-200:]
    if file.size > MAX_FILE:
        message = f"The file is larger than {MAX_FILE // 1_000_000:,} MB. Split it."
        raise FileRefusedError("too_large", message)
    proposal, file_format = _propose(file, encoding, delimiter, kind=kind)
    file.seek(0)
    digest = hashlib.sha256()
    for block in iter(partial(file.read, _BLOCK), b""):
        digest.update(block)
    file.seek(0)
    job = ImportJob(
        kind=kind,
        file_name=name,
        file_sha256=digest.digest(),
        file_format=file_format,
        mapping=proposal,
        mailing_list=mailing_list,
        created_by=actor,
    )
    with transaction.atomic():
        try:
            job.file.save(f"{job.public_id}.{file_format}", file, save=False)
        except OSError as error:
            raise FileRefusedError("storage", NO_ROOM) from error
        except STORAGE_ERRORS as error:
            raise FileRefusedError("storage", NOT_TAKEN) from error
        job.save()
        audit.record(actor=actor, action="import.uploaded", obj=job, detail={"size": file.size})
    return job


def reread(*, job: ImportJob, encoding: str, delimiter: str, sheet: str = "") -> ImportJob:
    """Read the stored file again with another encoding, delimiter or sheet and propose the mapping anew."""
    with job.file.storage.open(str(job.file.name), "rb") as file:
        proposal, file_format = _propose(file, encoding, delimiter, sheet, kind=job.kind)
    changed = ImportJob.objects.filter(pk=job.pk, state__in=OPEN_STATES).update(
        mapping=proposal, file_format=file_format, state=ImportState.UPLOADED, error="", options={}
    )
    if not changed:
        raise ImportStateError
    job.refresh_from_db()
    return job


def _propose(
    file: File[Any], encoding: str, delimiter: str, sheet: str = "", *, kind: str = ImportKind.PEOPLE
) -> tuple[dict[str, object], str]:
    stream = byte_stream(file)
    reading: dict[str, Any] = {
        "encoding": encoding,
        "delimiter": delimiter,
        "sheet": sheet,
        "may_lack_header": kind == ImportKind.SUPPRESSION,
    }
    with open_table(stream, **reading) as (table, dialect):
        rows = _first_rows(table)
        expansion = json_columns(table.columns, rows)
    if expansion:
        with open_table(stream, **reading, expansion=expansion) as (table, _):
            rows = _first_rows(table)
    before = _of_these_refused_rows(table.columns, kind)
    columns = _matched(table, rows, kind)
    keys = [mapping.field_key(name) for name in table.columns]
    proposal: dict[str, object] = {
        "columns": mapping.to_json(_as_before(columns, before) if before else columns),
        "encoding": dialect.encoding,
        "delimiter": dialect.delimiter,
        "sample": rows[:SAMPLE_ROWS],
        "sheet": dialect.sheet,
        "sheets": dialect.sheets,
        "expansion": expansion,
        "product": order_columns.shop_of(table.columns)
        if kind == ImportKind.ORDERS
        else exports.product_of(keys),
        "leavers": kind == ImportKind.PEOPLE and exports.is_about_leavers(keys),
        "follows": before.pk if before else 0,
    }
    return proposal, dialect.container or dialect.format


def _matched(table: Table, rows: list[list[Cell]], kind: str) -> list[Column]:
    if kind == ImportKind.ORDERS:
        return order_columns.match_columns(table.columns, rows)
    known = dict(CustomField.objects.values_list("key", "type"))
    return mapping.match_columns(table.columns, rows, known)


def _first_rows(table: Table) -> list[list[Cell]]:
    return [record.cells for record in islice(table.records, GUESS_ROWS) if not record.problem]


def _of_these_refused_rows(names: Sequence[str], kind: str) -> ImportJob | None:
    """Return the import whose file of refused rows this is, by its columns; its mapping is proposed again."""
    added = mapping.REFUSED_COLUMNS
    if kind == ImportKind.SUPPRESSION or not set(added) <= set(names):
        return None
    own = [name for name in names if name not in added]
    recent = ImportJob.objects.filter(state=ImportState.DONE, kind=kind).order_by("-finished_at")[:50]
    return next((job for job in recent if own == _names(job)[: len(own)]), None)


def _names(job: ImportJob) -> list[str]:
    return [column["name"] for column in job.mapping["columns"]]


def _as_before(columns: list[Column], job: ImportJob) -> list[Column]:
    stored = {column.name: column for column in mapping.from_json(job.mapping["columns"])}
    return [stored.get(column.name, column) for column in columns]


def create_from_storage(*, key: str, actor: User | None = None, kind: str = ImportKind.PEOPLE) -> ImportJob:
    """Make an import of a file that lies in the storage already, named by its key. Raises FileRefusedError.

    Only keys under `STORAGE_FOLDERS` are read: the storage also holds what other people uploaded.
    """
    name = key.strip().removeprefix("/")
    is_plain = not any(part in {"", ".", ".."} for part in name.split("/")) and "\\" not in name
    if not is_plain or not name.startswith(STORAGE_FOLDERS):
        folders = " or ".join(STORAGE_FOLDERS)
        raise FileRefusedError(
            "bad_key", f"Name a file under {folders}, such as subscribers/subscribers.json."
        )
    try:
        with default_storage.open(name, "rb") as file:
            return create_job(file=file, file_name=name, actor=actor, kind=kind)
    except FileNotFoundError:
        message = f"There is no file {name} in the storage."
        raise FileRefusedError("no_such_file", message) from None
    except STORAGE_ERRORS as error:
        raise FileRefusedError("storage", f"The storage did not give the file {name}.") from error
