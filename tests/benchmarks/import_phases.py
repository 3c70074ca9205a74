"""What each step of an import costs, in CPU: one chunk, statement by statement, in Postgres's backend and in Python."""

import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from subscribers.merging import staging

# What a statement of an import begins with, and what it does, in the order of the table.
STEPS = (
    ("COPY", "rows into staging, by COPY"),
    ("UPDATE subscribers_importstaging s SET reason = 'the same", "repeated addresses"),
    ("WITH looked_at", "dry run: who is new, changed or set aside"),
    ("INSERT INTO import_chunk", "who is new, and all that is written of them"),
    ("SELECT e.value", "values of choices"),
    ("INSERT INTO subscribers_subscriber (", "people and their indexes"),
    ("INSERT INTO subscribers_subscription", "subscriptions, their keys and guard"),
    ("INSERT INTO subscribers_profile", "profiles and their guard"),
    ("INSERT INTO ledger_acts", "what was said, with its evidence"),
    ("WITH chance", "records, personal part, hashes"),
    ("INSERT INTO subscribers_consentblock", "the sealed block"),
    ("COMMIT", "commits"),
)
REST = "everything else"
Phase = list[float]


@contextmanager
def measured(rows: int) -> Iterator[dict[str, Phase]]:
    """Yield a table that fills as statements run: by step, µs of the backend and of Python per row."""
    table: dict[str, Phase] = defaultdict(lambda: [0.0, 0.0])
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")

    def note(statement: str, work: Callable[[], Any]) -> Any:
        text = re.sub(r"\s+", " ", statement).strip()
        step = next((words for beginning, words in STEPS if text.startswith(beginning)), REST)
        started, python = _nanoseconds(backend), time.process_time_ns()
        try:
            return work()
        finally:
            table[step][0] += (_nanoseconds(backend) - started) / rows / 1e3
            table[step][1] += (time.process_time_ns() - python) / rows / 1e3

    connections: Any = BaseDatabaseWrapper
    copy, commit = staging._copy, connections._commit
    staging._copy = lambda lines: note("COPY", lambda: copy(lines))
    connections._commit = lambda self: note("COMMIT", lambda: commit(self))
    started = time.process_time_ns()
    try:
        with connection.execute_wrapper(lambda run, sql, *rest: note(str(sql), lambda: run(sql, *rest))):
            yield table
    finally:
        staging._copy, connections._commit = copy, commit
        inside = sum(python for _, python in table.values())
        table["reading, checking, sealing"] = [0.0, (time.process_time_ns() - started) / rows / 1e3 - inside]


def _nanoseconds(schedstat: Path) -> int:
    """The CPU time of a process, finer than the clock ticks of `stat`."""
    return int(schedstat.read_text().split()[0])
