"""The staging table of one import: filled by COPY while the file is read, held by the session, gone with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO, cast

import orjson
from django.core.files.base import File
from django.db import connection
from django.db.backends.utils import CursorWrapper

from mailplatform.core import clock, keys

from ..importing import columns as mapping
from ..importing.cells import as_text
from ..importing.reading import open_table
from ..importing.records import Record, Table
from ..importing.rows import Person, RefusedRow, RowReader
from ..models import ImportJob
from ..models import RefusedRow as StoredRefusal
from .statement import Evidence, Statement, evidence_of

_CREATE = """
CREATE TEMP TABLE import_staging (
    seq integer, line integer, email text COLLATE "C", email_key bytea, name text, language text, fields jsonb,
    tags text[], basis text, consent_at timestamptz, source text, wording text, reference text,
    opens boolean, clicks boolean, reason text, kind text, subscriber_id bigint)
"""
_DROP = "DROP TABLE IF EXISTS pg_temp.import_staging"
_COLUMNS = (
    "seq, line, email, email_key, name, language, fields, tags, basis, consent_at, source, wording, reference, "
    "opens, clicks"
)
# One person per address: the first row wins, later ones come back as refused.
_MARK_DUPLICATES = """
UPDATE import_staging s SET reason = 'the same address stands in line ' || d.first_line
FROM (
    SELECT seq, line, first_value(line) OVER same AS first_line, row_number() OVER same AS place
    FROM import_staging WINDOW same AS (PARTITION BY email ORDER BY seq)) d
WHERE d.seq = s.seq AND d.place > 1
"""
REFUSALS_AT_ONCE = 1_000
MAX_REASON = 200


def byte_stream(file: File[Any]) -> BinaryIO:
    """Return the stream inside Django's wrapper, which the text layer needs."""
    return cast("BinaryIO", file.file)


@contextmanager
def staged(job: ImportJob) -> Iterator["Staging"]:
    """Read the file of a job into the staging table of this session; drop the table at the end.

    Raises FileRefusedError when the file cannot be read.
    """
    staging = Staging(job)
    with connection.cursor() as cursor:
        cursor.execute(_DROP)
        cursor.execute(_CREATE)
    try:
        staging.fill()
        yield staging
    finally:
        with connection.cursor() as cursor:
            cursor.execute(_DROP)


class Staging:
    """The rows of one file on their way in, and those that already turned back."""

    def __init__(self, job: ImportJob) -> None:
        """Prepare the readers; nothing is read yet."""
        self._job = job
        self._columns = mapping.from_json(job.mapping["columns"])
        self._statement = Statement.from_json(job.options["statement"])
        self.total = 0
        self.warnings: list[str] = []
        self.choices: dict[str, dict[str, None]] = {
            column.field_key: {} for column in self._columns if column.type in {"choice", "list"}
        }
        self.tags: set[str] = set()
        self._refused: list[StoredRefusal] = []

    def fill(self) -> None:
        """Stream the file through COPY; refused rows are stored with their reason on the way."""
        StoredRefusal.objects.filter(job=self._job).delete()
        with self._opened() as table:
            reader = RowReader(self._columns, now=clock.now())
            people = (row for record in table.records if (row := self._sorted_out(record, reader)))
            with connection.cursor() as cursor:
                while self._copy(cursor, people):
                    self._store_refusals()
            self.warnings = table.warnings
        self._store_refusals()
        with connection.cursor() as cursor:
            cursor.execute("CREATE INDEX ON import_staging (seq)")
            # Only what is joined: of wide texts a sample is dear, and of what is empty so far it would mislead.
            cursor.execute("ANALYZE import_staging (seq, email, email_key)")
            cursor.execute(_MARK_DUPLICATES)

    @contextmanager
    def _opened(self) -> Iterator[Table]:
        options = self._job.mapping
        with (
            self._job.file.storage.open(str(self._job.file.name), "rb") as file,
            open_table(byte_stream(file), encoding=options["encoding"], delimiter=options["delimiter"]) as (
                table,
                _,
            ),
        ):
            yield table

    def _copy(self, cursor: CursorWrapper, people: Iterator[tuple[Any, ...]]) -> bool:
        """Copy the next rows; return whether there were any. Blocks, so that refusals can be written between."""
        block = list(islice(people, 5_000))
        if block:
            with cursor.copy(f"COPY import_staging ({_COLUMNS}) FROM STDIN") as copy:
                for row in block:
                    copy.write_row(row)
        return bool(block)

    def _sorted_out(self, record: Record, reader: RowReader) -> tuple[Any, ...] | None:
        self.total += 1
        row = reader.read(record)
        if isinstance(row, RefusedRow):
            self._refuse(record, row.reason)
            return None
        evidence = evidence_of(row.consent, self._statement)
        if isinstance(evidence, str):
            self._refuse(record, evidence)
            return None
        for key, seen in self.choices.items():
            value = row.fields.get(key)
            if value is not None and len(seen) < mapping.MAX_CHOICE_VALUES:
                seen.update(dict.fromkeys(value if isinstance(value, list) else [str(value)]))
        self.tags.update(row.tags)
        return self._staged(row, evidence)

    def _staged(self, row: Person, evidence: Evidence) -> tuple[Any, ...]:
        return (
            self.total,
            row.line,
            row.email,
            keys.email_key(row.email),
            row.name,
            row.language,
            orjson.dumps(row.fields).decode(),
            row.tags,
            evidence.basis,
            evidence.occurred_at,
            evidence.source,
            evidence.wording,
            evidence.reference,
            evidence.opens,
            evidence.clicks,
        )

    def _refuse(self, record: Record, reason: str) -> None:
        texts = [as_text(cell) for cell in record.cells]
        self._refused.append(
            StoredRefusal(job=self._job, line=record.line, reason=reason[:MAX_REASON], row=texts)
        )

    def _store_refusals(self) -> None:
        StoredRefusal.objects.bulk_create(self._refused, batch_size=REFUSALS_AT_ONCE)
        self._refused.clear()

    def store_set_aside(self) -> int:
        """Store the rows that got a reason in the staging table, with their originals from the file.

        Both sides are sorted by line, so one pass beside the file is enough. Returns how many there were.
        """
        with connection.cursor() as cursor:
            cursor.execute("SELECT line, reason FROM import_staging WHERE reason IS NOT NULL ORDER BY line")
            found = cursor.fetchall()
        if found:
            reasons = iter(found)
            line, reason = next(reasons)
            with self._opened() as table:
                for record in table.records:
                    if record.line == line:
                        self._refuse(record, reason)
                        line, reason = next(reasons, (-1, ""))
                    if len(self._refused) >= REFUSALS_AT_ONCE:
                        self._store_refusals()
                    if line < 0:
                        break
            self._store_refusals()
        return len(found)
