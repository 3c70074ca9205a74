"""Reading a file of orders once: its rows into the staging table by COPY, the unreadable ones aside."""

from functools import partial
from itertools import islice
from typing import Final
from zoneinfo import ZoneInfo

from django.db import connection

from mailplatform.core import clock, keys

from ..importing import columns as mapping
from ..importing.order_rows import OrderReader, OrderRow
from ..importing.records import Record
from ..models import ImportJob
from ..money import MOST
from . import order_table
from .refusals import Refusals
from .staging import ESCAPES, opened

_BLOCK: Final = 5_000


class OrderStaging:
    """The rows of one file of orders on their way in."""

    def __init__(self, job: ImportJob) -> None:
        """Prepare; nothing is read yet."""
        self._job = job
        self._refusals = Refusals(job)
        self.total = 0
        self.warnings: list[str] = []

    def fill(self) -> None:
        """Stream the file through COPY and put its orders together. Raises FileRefusedError."""
        order_table.clear(self._job.pk)
        self._refusals.forget()
        options = self._job.options
        with opened(self._job) as table:
            reader = OrderReader(
                mapping.from_json(self._job.mapping["columns"]),
                currency=options["currency"],
                zone=ZoneInfo(options["zone"]),
                now=clock.now(),
            )
            lines = (line for record in table.records if (line := self._line(record, reader)))
            while block := "".join(islice(lines, _BLOCK)):
                with connection.cursor() as cursor, cursor.copy(order_table.COPY) as copy:
                    copy.write(block)
            self.warnings = table.warnings
        self._refusals.store()
        order_table.gather(self._job.pk, most=MOST)

    def _line(self, record: Record, reader: OrderReader) -> str:
        """One line of COPY, or nothing for a row that names no order."""
        self.total += 1
        row = reader.read(record)
        if not row.number:
            self._refusals.add(record, row.problem)
            return ""
        return self._copied(row)

    def _copied(self, row: OrderRow) -> str:
        email = row.email.translate(ESCAPES) if row.email else "\\N"
        key = f"\\\\x{keys.email_key(row.email).hex()}" if row.email else "\\N"
        moment = row.ordered_at.isoformat() if row.ordered_at else "\\N"
        currency = row.currency or "\\N"
        total = "\\N" if row.total is None else row.total
        amount = "\\N" if row.amount is None else row.amount
        return (
            f"{self._job.pk}\t{self.total}\t{row.line}\t{row.number.translate(ESCAPES)}\t{email}\t{key}\t{moment}"
            f"\t{currency}\t{total}\t{amount}\t{row.quantity}\t{row.product.translate(ESCAPES)}"
            f"\t{row.problem.translate(ESCAPES)}\n"
        )

    def store_refused(self) -> None:
        """Store the rows that are not imported, with their originals; bring an earlier pass up to date."""
        found = order_table.reasons(self._job.pk)
        self._refusals.bring_up_to_date(found, partial(opened, self._job))
