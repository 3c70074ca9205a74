"""Rows of a file that turned back: kept as they came, with the reason, to be mended and sent again."""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from ..importing.cells import as_text
from ..importing.records import Record, Table
from ..models import ImportJob, RefusedRow

AT_ONCE: Final = 1_000
MAX_REASON: Final = 200
SHOWN: Final = 20
# What was found by comparing a row with what we have; a later pass may find otherwise.
SET_ASIDE: Final = "set aside: "


class Refusals:
    """Collects the refused rows of one job and stores them in blocks."""

    def __init__(self, job: ImportJob) -> None:
        """Nothing is refused yet; `forget` empties what an earlier pass stored."""
        self._job = job
        self._waiting: list[RefusedRow] = []

    def forget(self) -> None:
        """Delete what is stored, before the file is read anew."""
        RefusedRow.objects.filter(job=self._job).delete()

    def add(self, record: Record, reason: str) -> None:
        """Take one row as it stood in the file."""
        cells = [as_text(cell) for cell in record.cells]
        self._waiting.append(
            RefusedRow(job=self._job, line=record.line, reason=reason[:MAX_REASON], row=cells)
        )
        if len(self._waiting) >= AT_ONCE:
            self.store()

    def store(self) -> None:
        """Write what waits."""
        RefusedRow.objects.bulk_create(self._waiting, batch_size=AT_ONCE)
        self._waiting.clear()

    def bring_up_to_date(
        self, found: Sequence[tuple[int, str]], opened: Callable[[], AbstractContextManager[Table]]
    ) -> None:
        """Store exactly those of ``(line, reason)`` that were found after the rows were read, with their originals.

        What an earlier pass set aside and this one did not is forgotten. Both sides are sorted by line, so one pass
        beside the file is enough, and none where nothing is missing.
        """
        stored = RefusedRow.objects.filter(job=self._job)
        lines = {line for line, _ in found}
        aside = stored.filter(reason__startswith=SET_ASIDE).values_list("pk", "line").iterator()
        stored.filter(pk__in=[pk for pk, line in aside if line not in lines]).delete()
        known = set(stored.values_list("line", flat=True).iterator())
        missing = iter([(line, reason) for line, reason in found if line not in known])
        line, reason = next(missing, (-1, ""))
        if line < 0:
            return
        with opened() as table:
            for record in table.records:
                if record.line == line:
                    self.add(record, reason)
                    line, reason = next(missing, (-1, ""))
                if line < 0:
                    break
        self.store()


def reasons_of(job: ImportJob) -> list[list[Any]]:
    """Return the reasons of the refused rows with their counts, the most frequent first, at most `SHOWN`."""
    counter: Counter[str] = Counter()
    for reason in RefusedRow.objects.filter(job=job).values_list("reason", flat=True).iterator():
        same = reason.startswith("the same address")
        counter["the same address stands in an earlier line" if same else reason] += 1
    return [list(pair) for pair in counter.most_common(SHOWN)]
