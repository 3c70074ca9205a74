"""Reading the file of an import once: rows into the staging table by COPY, refused ones aside with their reason."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from typing import Any, BinaryIO, Final, cast

import orjson
from django.core.files.base import File
from django.db import connection

from mailplatform.core import clock, keys

from ..importing import columns as mapping
from ..importing.consent_cells import ConsentCells
from ..importing.hints import Hints
from ..importing.reading import open_table
from ..importing.records import Record, Table
from ..importing.rows import Person, RefusedRow, RowReader
from ..ledger.encoding import format_time
from ..models import ImportJob, ImportKind
from . import table as staging
from .refusals import Refusals
from .statement import Evidence, Statement, evidence_of

_LINES_AT_ONCE: Final = 2_000
_BLOCK: Final = 5_000
# Text format of COPY: https://www.postgresql.org/docs/15/sql-copy.html
ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_BOOLEAN: Final = {None: "\\N", True: "t", False: "f"}
_REMEMBERED: Final = 1_000


def escaped(text: str) -> str:
    """Return a text as it stands in a line of COPY; nearly every one needs nothing."""
    return text if text.isprintable() and "\\" not in text else text.translate(ESCAPES)


def byte_stream(file: File[Any]) -> BinaryIO:
    """Return the stream inside Django's wrapper, which the text layer needs."""
    return cast("BinaryIO", file.file)


class Staging:
    """The rows of one file on their way in, and those that already turned back."""

    def __init__(self, job: ImportJob) -> None:
        """Prepare the readers; nothing is read yet."""
        self._job = job
        self._columns = mapping.from_json(job.mapping["columns"])
        self._statement = Statement.from_json(job.options["statement"])
        self.total = 0
        self.was_filled = False
        self.warnings: list[str] = []
        self.hints = Hints()
        self._refusals = Refusals(job)
        self._known_evidence: dict[ConsentCells, tuple[str, str]] = {}

    def fill(self) -> None:
        """Stream the file through COPY. Raises FileRefusedError when it cannot be read."""
        staging.clear(self._job.pk)
        self._refusals.forget()
        with opened(self._job) as table:
            reader = RowReader(self._columns, now=clock.now())
            lines = (line for record in table.records if (line := self._sorted_out(record, reader)))
            # In blocks, so that refusals can be written between them.
            while block := list(islice(lines, _BLOCK)):
                _copy(block)
                self._refusals.store()
            self.warnings = table.warnings
        self._refusals.store()
        staging.mark_duplicates(self._job.pk)
        self.was_filled = True

    def _sorted_out(self, record: Record, reader: RowReader) -> str | None:
        self.total += 1
        row = reader.read(record)
        if isinstance(row, RefusedRow):
            self._refusals.add(record, row.reason)
            return None
        self.hints.look(row.email, row.line)
        evidence, refusal = self._evidence(row.consent)
        if refusal:
            self._refusals.add(record, refusal)
            return None
        return self._line(row, evidence)

    def _evidence(self, cells: ConsentCells) -> tuple[str, str]:
        """The columns of a row's evidence, or the reason for which the row is refused. Most rows share theirs."""
        found = self._known_evidence.get(cells)
        if found is None:
            evidence = evidence_of(cells, self._statement)
            found = ("", evidence) if isinstance(evidence, str) else (self._columns_of(evidence), "")
            if len(self._known_evidence) >= _REMEMBERED:
                self._known_evidence.clear()
            self._known_evidence[cells] = found
        return found

    def _columns_of(self, evidence: Evidence) -> str:
        """What all rows share is left empty, to be filled in."""
        shared = self._statement
        wording = "\\N" if evidence.wording == shared.wording else escaped(evidence.wording)
        source = "\\N" if evidence.source == shared.source else escaped(evidence.source)
        requested = evidence.requested_at.isoformat() if evidence.requested_at else "\\N"
        moment = format_time(evidence.occurred_at) if evidence.occurred_at else "\\N"
        return (
            f"{evidence.basis}\t{moment}\t{source}\t{wording}\t{escaped(evidence.reference)}"
            f"\t{_BOOLEAN[evidence.opens]}\t{_BOOLEAN[evidence.clicks]}"
            f"\t{evidence.ip}\t{requested}\t{evidence.requested_ip}"
        )

    def _line(self, row: Person, evidence: str) -> str:
        """One line of COPY in the order of the table's columns."""
        # JSON has no control characters of its own, so the backslash alone is to be escaped.
        fields = orjson.dumps(row.fields).decode().replace("\\", "\\\\") if row.fields else "{}"
        return (
            f"{self._job.pk}\t{self.total}\t{row.line}\t{escaped(row.email)}\t\\\\x{keys.email_key(row.email).hex()}"
            f"\t{escaped(row.name)}\t{row.language}\t{row.time_zone}\t{fields}\t{_array(row.tags)}\t{evidence}\n"
        )

    def store_set_aside(self) -> int:
        """Store the rows that got a reason after they were read, with their originals from the file.

        Brings what an earlier pass stored up to date. Returns how many rows were set aside.
        """
        found = staging.reasons(self._job.pk)
        self._refusals.bring_up_to_date(found, partial(opened, self._job))
        return len(found)


@contextmanager
def opened(job: ImportJob) -> Iterator[Table]:
    """Open the stored file of a job as it was read when it was uploaded."""
    options = job.mapping
    with (
        job.file.storage.open(str(job.file.name), "rb") as file,
        open_table(
            byte_stream(file),
            encoding=options["encoding"],
            delimiter=options["delimiter"],
            sheet=options.get("sheet", ""),
            expansion=options.get("expansion"),
            may_lack_header=job.kind == ImportKind.SUPPRESSION,
        ) as (table, _),
    ):
        yield table


def _copy(lines: list[str]) -> None:
    with connection.cursor() as cursor, cursor.copy(staging.COPY) as copy:
        for start in range(0, len(lines), _LINES_AT_ONCE):
            copy.write("".join(lines[start : start + _LINES_AT_ONCE]))


def _array(values: list[str]) -> str:
    """Return texts as an array literal inside a line of COPY."""
    if not values:
        return "{}"
    quoted = ",".join('"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values)
    return f"{{{quoted}}}".translate(ESCAPES)
