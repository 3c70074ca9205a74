"""What the consent ledger costs: writing chunks and single records, checking it, exporting it, checking the export.

    python -m tests.benchmarks.bench_ledger [RECORDS]

Runs in a database of its own, prints a table and, last, one JSON line. Trust the ratio to `spin` (the same machine
doing nothing but hashing), not the rates.
"""

import hashlib
import json
import os
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
CHUNK = 5_000
SINGLES = 200


def spin() -> float:
    """Return hashes per second of one core, the measure of the machine at this moment."""
    started, data = time.perf_counter(), b"x" * 64
    for _ in range(300_000):
        data = hashlib.sha256(data).digest()
    return 300_000 / (time.perf_counter() - started)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return the result and the seconds it took."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


def peak() -> int:
    """Return the most memory this process ever held, in MB."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def main(count: int, folder: Path) -> dict[str, object]:
    """Write `count` records in chunks of 5,000 and a few singly, then check and export them."""
    from mailplatform.core import clock
    from mailplatform.core.keys import email_key
    from subscribers.ledger.verify_export import verify_export
    from subscribers.models import SigningKey, Subscriber
    from subscribers.selectors import register as reading
    from subscribers.services import consent, register

    def entry(number: int) -> consent.ConsentEntry:
        return consent.ConsentEntry(
            subscriber_id=number, purpose="marketing_email", act="granted", lawful_basis="consent", method="import",
            source="import:1", occurred_at=clock.now(), actor="import:1", notice=notice,
            evidence={"row": number, "column": "newsletter"},
        )  # fmt: skip

    figures: dict[str, object] = {"records": count, "spin_per_s": round(spin())}
    notice = consent.ensure_notice(purpose="marketing_email", text="Yes, send me news.")
    addresses = (f"p{number}@example.test" for number in range(count))
    people = (Subscriber(email=address, email_key=email_key(address)) for address in addresses)
    ids = [made.id for made in Subscriber.objects.bulk_create(people, batch_size=CHUNK)]
    times = []
    for start in range(0, count, CHUNK):
        chunk = [entry(number) for number in ids[start : start + CHUNK]]
        times.append(timed(partial(consent.record_many, entries=chunk))[1])
    figures["chunk_seconds"] = round(sorted(times)[len(times) // 2], 3)
    figures["chunk_records_per_s"] = round(count / sum(times))
    _, seconds = timed(lambda: [consent.record_many(entries=[entry(number)]) for number in ids[:SINGLES]])
    figures["single_ms"] = round(seconds / SINGLES * 1000, 2)
    figures["rss_mb_before"] = peak()
    report, seconds = timed(reading.verify)
    figures |= {
        "verify_ok": report.ok,
        "verify_records_per_s": round(report.records / seconds),
        "rss_mb_verify": peak(),
    }
    path = folder / "register.zip"
    with path.open("wb") as file:
        exported, seconds = timed(
            lambda: register.export_register(filters=reading.Filters(), form="csv", target=file, actor=None)
        )
    figures |= {"export_records_per_s": round(exported / seconds), "rss_mb_export": peak()}
    figures["export_bytes_per_record"] = round(path.stat().st_size / exported)
    key = bytes(SigningKey.objects.get().public_key)
    report, seconds = timed(lambda: verify_export(path, key))
    figures |= {"offline_ok": report.ok, "offline_records_per_s": round(report.records / seconds)}
    return figures


def run(count: int) -> None:
    """Start the servers in a folder of their own, measure, print."""
    folder = Path(tempfile.mkdtemp(prefix="bench-ledger-"))
    os.environ["MAILPLATFORM_DATA_DIR"] = str(folder / "data")
    from mailplatform import embedded

    try:
        with embedded.start(folder / "data") as services:
            os.environ.update(services.environment())
            os.environ["DJANGO_SETTINGS_MODULE"] = "mailplatform.settings"
            import django
            from django.core.management import call_command

            django.setup()
            call_command("setup_database", verbosity=0)
            figures = main(count, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    for name, value in figures.items():
        print(f"{name:26} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    run(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
