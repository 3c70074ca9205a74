"""What a stretch of work cost this machine's Postgres: CPU, WAL, commits, bytes on disk."""

import os
from dataclasses import dataclass
from pathlib import Path

import psycopg
from django.db import connections

from mailplatform.embedded.layout import SUPERUSER

_TICKS = os.sysconf("SC_CLK_TCK")
_FIGURES = """
SELECT pg_current_wal_lsn() - '0/0'::pg_lsn,
    (SELECT wal_fpi FROM pg_stat_wal),
    (SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()),
    (SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c
        WHERE c.relkind = 'r' AND (c.relname LIKE 'campaigns_delivery%' OR c.relname IN
        ('campaigns_call', 'campaigns_batch', 'bench_plain')))
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """A reading, or the difference of two."""

    cpu_s: float
    wal_bytes: int
    full_pages: int
    commits: int
    disk_bytes: int

    def since(self, before: "Figures") -> "Figures":
        """What was used between two readings."""
        return Figures(
            self.cpu_s - before.cpu_s,
            self.wal_bytes - before.wal_bytes,
            self.full_pages - before.full_pages,
            self.commits - before.commits,
            self.disk_bytes - before.disk_bytes,
        )


def postmaster(directory: str) -> int:
    """The process id of the embedded Postgres whose data lies below the directory."""
    found = next(Path(directory).rglob("postmaster.pid"))
    return int(found.read_text().splitlines()[0])


def read(server: int) -> Figures:
    """Read now. Statistics of other sessions are complete once these have ended."""
    cpu = postgres_cpu(server)
    with connections["owner"].cursor() as cursor:
        cursor.execute(_FIGURES)
        wal, pages, commits, size = cursor.fetchone()
    return Figures(cpu, int(wal), int(pages), int(commits), int(size))


def checkpoint() -> None:
    """Write out what earlier work left, so that it is not charged to the next."""
    settings = connections["owner"].get_connection_params()
    with psycopg.connect(
        host=settings["host"], dbname=settings["dbname"], user=SUPERUSER, autocommit=True
    ) as link:
        link.execute("CHECKPOINT")


def postgres_cpu(server: int) -> float:
    """CPU seconds of the server and all its processes, those that ended included."""
    total = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        own, reaped = int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
        if stat.parent.name == str(server):
            total += own + reaped
        elif fields[1] == str(server):
            total += own
    return total / _TICKS


def peak_rss_mb(pid: int | str = "self") -> float:
    """The most memory a process ever held, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0
