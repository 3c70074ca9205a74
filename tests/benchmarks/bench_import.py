"""How many rows a second an import brings in, through the whole wizard: reading, dry run, people, sealed evidence.

`make bench BENCH=import`; SIZE=small (200,000 rows, the default) or full (1,000,000). Beside it, in the same run, the
plain way: `bulk_create(update_conflicts=True)` and bulk_create for everything else that the import writes.
Prints a table, and as its last line a JSON object. Judge the ratio: rates depend on the machine.
"""

import csv
import hashlib
import json
import os
import re
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from mailplatform import embedded

SIZES = {"small": 200_000, "full": 1_000_000}
PLAIN_ROWS = 20_000
PLAIN_BATCH = 1_000
CHUNK_ROWS = 20_000  # one chunk, whose steps are looked at one by one
WORDING = "Yes, send me news."


def rows(count: int, name: str = "person") -> Iterator[bytes]:
    """Yield a file of ``count`` people: 2 % repeats in other case, 1 % broken addresses."""
    yield b"email,name,segment,preferences,country,consent_at\n"
    for number in range(count):
        email = f"{name}{number}@example.com"
        if number % 50 == 49:
            email = f"{name.upper()}{number - 1}@Example.com"
        elif number % 100 == 7:
            email = f"{name}{number}(at)example.com"
        line = f"{email},Person Number {number},segment_{number % 3},books;home,SE,2025-03-04\n"
        yield line.encode()


def spin() -> float:
    """Return hashes per second of one core, the measure of the machine at this moment."""
    started, data = time.perf_counter(), b"x" * 64
    for _ in range(300_000):
        data = hashlib.sha256(data).digest()
    return 300_000 / (time.perf_counter() - started)


def declared(count: int, name: str = "person") -> Any:
    """Upload a file of ``count`` rows and declare it, as the wizard does; the dry run comes next."""
    from django.core.files.base import File

    from subscribers.importing.columns import from_json
    from subscribers.services import importing, lists

    path = Path(tempfile.mkdtemp()) / "people.csv"
    with path.open("wb") as target:
        target.writelines(rows(count, name))
    with path.open("rb") as source:
        job = importing.create_job(file=File(source, name="bench.csv"))
    path.unlink()
    statement = importing.Statement(basis="consent", source="form", wording=WORDING)
    return importing.declare(
        job=job,
        columns=from_json(job.mapping["columns"]),
        statement=statement,
        mailing_list=lists.ensure(name="Bench"),
    )


def import_file(count: int, server: int) -> dict[str, Any]:
    """Import ``count`` rows and return the figures."""
    from subscribers.services import importing
    from tests.benchmarks import measuring

    job = declared(count)
    started, cpu, postgres = time.perf_counter(), time.process_time(), measuring.postgres_cpu(server)
    job = importing.check(job=job)
    checked = time.perf_counter()
    job = importing.commit(job=job)
    ended = time.perf_counter()
    assert job.state == "done", job.error
    return {
        "seconds": ended - started,
        "check_rows_per_s": round(count / (checked - started)),
        "merge_rows_per_s": round(count / (ended - checked)),
        "python_us": (time.process_time() - cpu) / count * 1e6,
        "postgres_us": (measuring.postgres_cpu(server) - postgres) / count * 1e6,
        "refused": job.rows_refused,
    }


def steps() -> None:
    """Import one more chunk, and print what each of its steps costs."""
    from subscribers.services import importing
    from tests.benchmarks import import_phases

    job = declared(CHUNK_ROWS, "another")
    with import_phases.measured(CHUNK_ROWS) as table:
        importing.commit(job=importing.check(job=job))
    _say(f"\n{'one chunk, us of CPU per row':40} {'Postgres':>10} {'Python':>10}")
    for name, (postgres, python) in sorted(table.items(), key=lambda step: -sum(step[1])):
        _say(f"{name:40} {postgres:10.1f} {python:10.1f}")


def plain(count: int, server: int) -> dict[str, Any]:
    """The same rows as most Django developers would bring them in, in batches, with the same result."""
    from django.core.validators import validate_email

    from mailplatform.core import clock
    from subscribers.models import ConsentNotice, CustomField, MailingList
    from tests.benchmarks import measuring

    lines = (
        re.sub("@example.com", "@plain.example", line.decode(), flags=re.IGNORECASE) for line in rows(count)
    )
    now, known, refused = clock.now(), set[str](), 0
    mailing_list, notice = MailingList.objects.get(name="Bench"), ConsentNotice.objects.get(text=WORDING)
    slots = dict(CustomField.objects.exclude(slot="").values_list("slot", "key"))
    started, cpu, postgres = time.perf_counter(), time.process_time(), measuring.postgres_cpu(server)
    reader = csv.DictReader(lines)
    while batch := list(islice(reader, PLAIN_BATCH)):
        good = []
        for row in batch:
            row["email"] = row["email"].strip().lower()
            try:
                validate_email(row["email"])
            except Exception:  # noqa: BLE001 - whatever the validator says
                refused += 1
                continue
            if row["email"] in known:
                refused += 1
                continue
            known.add(row["email"])
            good.append(row)
        _plain_batch(good, mailing_list, notice, slots, now)
    ended = time.perf_counter()
    return {
        "seconds": ended - started,
        "python_us": (time.process_time() - cpu) / count * 1e6,
        "postgres_us": (measuring.postgres_cpu(server) - postgres) / count * 1e6,
        "refused": refused,
    }


def _plain_batch(batch: list[dict[str, str]], mailing_list: Any, notice: Any, slots: Any, now: Any) -> None:
    from django.db import transaction

    from mailplatform.core.keys import email_key
    from subscribers.models import Profile, Subscriber, Subscription
    from subscribers.services import consent

    people = [
        Subscriber(
            email=row["email"],
            email_key=email_key(row["email"]),
            name=row["name"],
            fields={
                "segment": row["segment"],
                "preferences": row["preferences"].split(";"),
                "country": row["country"],
            },
            source="plain",
        )
        for row in batch
    ]
    with transaction.atomic():
        people = Subscriber.objects.bulk_create(
            people,
            update_conflicts=True,
            unique_fields=["email"],
            update_fields=["name", "fields", "updated_at"],
        )
        Subscription.objects.bulk_create(
            [
                Subscription(
                    subscriber=person, mailing_list=mailing_list, state="confirmed", confirmed_at=now
                )
                for person in people
            ],
            ignore_conflicts=True,
        )
        Profile.objects.bulk_create(
            [
                Profile(
                    subscriber_id=person.pk,
                    joined_at=now,
                    list_ids=[mailing_list.pk],
                    **{
                        slot: person.fields.get(key)
                        for slot, key in slots.items()
                        if isinstance(person.fields.get(key), str)
                    },
                )
                for person in people
            ],
            update_conflicts=True,
            unique_fields=["subscriber_id"],
            update_fields=["list_ids"],
        )
        consent.record_many(
            entries=[
                consent.ConsentEntry(
                    person.pk,
                    "marketing_email",
                    "granted",
                    "consent",
                    "import",
                    "form",
                    now,
                    "import:0",
                    notice,
                    {"file": "bench.csv", "line": number},
                )
                for number, person in enumerate(people, start=2)
            ]
        )


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(directory: str) -> None:
    """Run both and print."""
    from subscribers.models import ConsentRecord, Subscriber
    from tests.benchmarks import measuring

    count = int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[os.environ.get("SIZE") or "small"]
    server = measuring.postmaster(directory)
    spins = spin()
    ours = import_file(count, server)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    records = ConsentRecord.objects.count()
    assert records == Subscriber.objects.count() == count - ours["refused"]
    steps()
    theirs = plain(min(count, PLAIN_ROWS), server)
    _say(f"{'':16} {'rows/s':>10} {'Python us':>12} {'Postgres us':>12} {'refused':>10}")
    for name, size, found in (("import", count, ours), ("bulk_create", min(count, PLAIN_ROWS), theirs)):
        rate = size / found["seconds"]
        _say(
            f"{name:16} {rate:10,.0f} {found['python_us']:12.1f} {found['postgres_us']:12.1f} {found['refused']:10,}"
        )
    ours_per_row, theirs_per_row = (
        found["seconds"] / size for found, size in ((ours, count), (theirs, min(count, PLAIN_ROWS)))
    )
    figures = {
        "rows": count,
        "rows_per_s": round(1 / ours_per_row),
        "ratio_to_bulk_create": round(theirs_per_row / ours_per_row, 2),
        "peak_rss_mb": round(peak),
        "refused": ours["refused"],
        "ledger_rows": records,
        "check_rows_per_s": ours["check_rows_per_s"],
        "merge_rows_per_s": ours["merge_rows_per_s"],
        "python_us_per_row": round(ours["python_us"], 1),
        "postgres_us_per_row": round(ours["postgres_us"], 1),
        "spin_per_s": round(spins),
    }
    _say(json.dumps(figures))


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory(prefix="mailplatform-bench-") as place,
        embedded.start(place) as services,
    ):
        os.environ.update(services.environment())
        os.environ["MAILPLATFORM_DATA_DIR"] = place
        os.environ["LOG_LEVEL"] = "ERROR"
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("setup_database", verbosity=0)
        main(place)
