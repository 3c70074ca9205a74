"""Two chunks of an import at a time: while one is sealed, the people of the next are written on another connection.

Each chunk stays one transaction, and they end in the order of the file, so that `ImportJob.rows_done` says all of what
is done. The order is kept by locks in Postgres, which sees a circle with other transactions and breaks it: a chunk is
named by the row at which it ends, which is where the next one begins.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Final, Protocol

from django.db import connection
from django.db.backends.utils import CursorWrapper

Chunk = tuple[int, int]
LANES: Final = 2
# Of advisory locks with one number: this bit, the job, the row at which a chunk ends.
_LOCK: Final = 1 << 62
_JOB_BITS: Final = 32


class OutOfTurnError(Exception):
    """The chunk before this one is not done: its transaction was rolled back."""


class MergeChunk(Protocol):
    """Merges the rows after the first number up to the second; calls `begun` once it has its `hold` and its ids."""

    def __call__(self, after: int, upto: int, *, begun: Callable[[], None]) -> None: ...


def hold(cursor: CursorWrapper, job_id: int, upto: int) -> None:
    """Hold the next chunk back until this transaction ends."""
    cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK | job_id << _JOB_BITS | upto])


def await_turn(cursor: CursorWrapper, job_id: int, after: int) -> None:
    """Wait until the transaction of the chunk before has ended, one way or the other."""
    cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [_LOCK | job_id << _JOB_BITS | after])


def merge_all(chunks: Sequence[Chunk], merge: MergeChunk) -> None:
    """Merge all chunks, each on a connection of its own; raise what stopped the first that failed."""
    before: Future[None] | None = None
    with ThreadPoolExecutor(LANES, thread_name_prefix="import") as pool:
        for chunk in chunks:
            begun = Event()
            latest = pool.submit(_merge, merge, chunk, begun, before)
            # Nobody may wait for a chunk that does not hold its lock yet.
            begun.wait()
            if before is not None and before.done() and before.exception():
                break
            before = latest
    if before is not None:
        before.result()


def _merge(merge: MergeChunk, chunk: Chunk, begun: Event, before: Future[None] | None) -> None:
    try:
        try:
            merge(*chunk, begun=begun.set)
        except OutOfTurnError:
            if before is None:
                raise
            before.result()  # it is tried again, or says why the import must stop
            merge(*chunk, begun=begun.set)
    finally:
        begun.set()
        connection.close()
