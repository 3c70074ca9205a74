"""How many rows a second an import brings in, evidence and ledger block included.

    python tests/benchmarks/bench_import.py [ROWS]

Runs in a database of its own in the data directory, and prints one JSON line. Trust the ratio to ``spin`` (the same
machine doing nothing but hashing), not the rate.
"""

import hashlib
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from django.core.files.base import File


def rows(count: int) -> Iterator[bytes]:
    """Yield a file of ``count`` people: 2 % repeats in other case, 1 % broken addresses."""
    yield b"email,name,segment,preferences,country,consent_at\n"
    for number in range(count):
        email = f"person{number}@example.com"
        if number % 50 == 49:
            email = f"PERSON{number - 1}@Example.com"
        elif number % 100 == 7:
            email = f"person{number}(at)example.com"
        line = f"{email},Person Number {number},segment_{number % 3},books;home,SE,2025-03-04\n"
        yield line.encode()


def spin() -> float:
    """Return hashes per second of one core, the measure of the machine at this moment."""
    started, data = time.perf_counter(), b"x" * 64
    for _ in range(300_000):
        data = hashlib.sha256(data).digest()
    return 300_000 / (time.perf_counter() - started)


def main(count: int) -> dict[str, object]:
    """Import ``count`` rows into an empty database and return the figures."""
    from subscribers.importing.columns import from_json
    from subscribers.models import ConsentRecord, Subscriber
    from subscribers.services import importing, lists

    path = Path(tempfile.mkdtemp()) / "people.csv"
    with path.open("wb") as target:
        target.writelines(rows(count))
    spins = spin()
    with path.open("rb") as source:
        job = importing.create_job(file=File(source, name="bench.csv"))
    path.unlink()
    statement = importing.Statement(basis="consent", source="form", wording="Yes, send me news.")
    importing.declare(
        job=job,
        columns=from_json(job.mapping["columns"]),
        statement=statement,
        mailing_list=lists.ensure(name="Bench"),
    )
    started = time.perf_counter()
    job = importing.check(job=job)
    checked = time.perf_counter()
    cpu = time.process_time()
    job = importing.commit(job=job)
    ended = time.perf_counter()
    return {
        "rows": count,
        "state": job.state,
        "people": Subscriber.objects.count(),
        "records": ConsentRecord.objects.count(),
        "refused": job.rows_refused,
        "check_rows_per_s": round(count / (checked - started)),
        "import_rows_per_s": round(count / (ended - checked)),
        "python_us_per_row": round((time.process_time() - cpu) / count * 1e6, 1),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "spin_per_s": round(spins),
    }


if __name__ == "__main__":
    from mailplatform import embedded

    with embedded.start(os.environ.setdefault("MAILPLATFORM_DATA_DIR", "/tmp/bench-import-data")) as services:  # noqa: S108
        os.environ.update(services.environment())
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("setup_database", verbosity=0)
        print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)))  # noqa: T201
