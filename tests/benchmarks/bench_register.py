"""Exporting the whole consent register as a signed CSV zip, and checking that file with nothing but the public key.

`make bench BENCH=register`; SIZE=small (200,000 records, the default) or full (1,000,000). The register is filled by a
process; export and check each run in a fresh one, whose peak memory is theirs alone. Last line, JSON: `rows`,
`rows_per_s` (the export), `peak_rss_mb` (the larger of export and check), `verified`.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from itertools import count
from pathlib import Path
from typing import Any

SIZES = {"small": 200_000, "full": 1_000_000}
CHUNK = 5_000


def say(text: str) -> None:
    print(text, flush=True)


def setup() -> None:
    import django

    django.setup()


def peak_mb() -> int:
    """Return the most memory that this process ever held."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def fill(rows: int) -> dict[str, Any]:
    """Store so many people with one record each, in sealed chunks as an import writes them."""
    from mailplatform.core import clock
    from mailplatform.core.keys import email_key
    from subscribers.models import Subscriber
    from subscribers.services import consent

    notice = consent.ensure_notice(purpose="marketing_email", text="Yes, send me news.")
    numbers = count()
    for _ in range(0, rows, CHUNK):
        emails = [f"p{next(numbers)}@example.test" for _ in range(CHUNK)]
        made = Subscriber.objects.bulk_create(Subscriber(email=e, email_key=email_key(e)) for e in emails)
        consent.record_many(
            entries=[
                consent.ConsentEntry(
                    subscriber_id=person.pk, purpose="marketing_email", act="granted", lawful_basis="consent",
                    method="import", source="import:1", occurred_at=clock.now(), actor="import:1", notice=notice,
                    evidence={"row": person.pk, "column": "newsletter", "note": "=cmd()"},
                )
                for person in made
            ]
        )  # fmt: skip
    return {}


def export(target: Path) -> dict[str, Any]:
    """Export everything; return how many rows, how fast, with how much memory."""
    from subscribers.models import SigningKey
    from subscribers.selectors.register import Filters
    from subscribers.services import register

    started, cpu = time.perf_counter(), time.process_time()
    with target.open("wb") as file:
        rows = register.export_register(filters=Filters(), form="csv", target=file, actor=None)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    key = bytes(SigningKey.objects.get().public_key).hex()
    return {
        "rows": rows, "rows_per_s": round(rows / seconds), "rows_per_own_cpu_s": round(rows / cpu),
        "export_rss_mb": peak_mb(), "key": key,
    }  # fmt: skip


def verify(target: Path, key: str) -> dict[str, Any]:
    """Check the file offline."""
    from subscribers.ledger.verify_export import verify_export

    started = time.perf_counter()
    report = verify_export(target, bytes.fromhex(key))
    seconds = time.perf_counter() - started
    return {
        "verified": int(report.ok and report.records > 0),
        "verify_rows_per_s": round(report.records / seconds),
        "verify_rss_mb": peak_mb(),
    }


def child(*arguments: str) -> dict[str, Any]:
    """Do one part in a process of its own and return what it found."""
    command = [sys.executable, "-m", "tests.benchmarks.bench_register", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def part(name: str, *arguments: str) -> None:
    setup()
    if name == "fill":
        say(json.dumps(fill(int(arguments[0]))))
    elif name == "export":
        say(json.dumps(export(Path(arguments[0]))))
    else:
        say(json.dumps(verify(Path(arguments[0]), arguments[1])))


def main(rows: int) -> dict[str, Any]:
    """Fill, export and check in a database of its own; return the figures."""
    folder = Path(tempfile.mkdtemp(prefix="bench-register-"))
    os.environ["MAILPLATFORM_DATA_DIR"] = str(folder / "data")
    from mailplatform import embedded

    try:
        with embedded.start(folder / "data") as services:
            os.environ.update(services.environment(), DJANGO_SETTINGS_MODULE="mailplatform.settings")
            setup()
            from django.core.management import call_command

            call_command("setup_database", verbosity=0)
            child("fill", str(rows))
            target = folder / "register.zip"
            figures = child("export", str(target))
            figures |= child("verify", str(target), figures.pop("key"))
            figures["file_mb"] = round(target.stat().st_size / 1e6, 1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return figures


if __name__ == "__main__":
    if len(sys.argv) > 2:
        part(*sys.argv[1:])
    else:
        chosen = int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[os.environ.get("SIZE") or "small"]
        found = main(chosen)
        for name, value in found.items():
            say(f"{name:20} {value}")
        peak = max(found["export_rss_mb"], found["verify_rss_mb"])
        last = {name: found[name] for name in ("rows", "rows_per_s")}
        say(json.dumps(last | {"peak_rss_mb": peak, "verified": found["verified"]}))
