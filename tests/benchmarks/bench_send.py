"""What one recipient costs, from claim to record, beside the same campaign written plainly, in the same run.

`make bench BENCH=send`: 100,000 recipients at 20 ms, fewer at 0 and 50 ms. SIZE=full: a million at each; SIZE=tiny:
a few hundred. One worker process, a fake SES that accepts everything in another, and Postgres and Redis share the
machine. Each run is compared person by person with what the fake SES received. Judge ratios and CPU: rates depend
on the machine. Prints a table, and as its last line a JSON object about the run at 20 ms.
"""

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

SIZES: dict[
    str, tuple[dict[float, int], int]
] = {  # recipients by answer time in ms, and those of the plain loop
    "tiny": ({20.0: 600}, 100),
    "small": ({20.0: 100_000, 0.0: 30_000, 50.0: 30_000}, 10_000),
    "full": ({20.0: 1_000_000, 0.0: 1_000_000, 50.0: 1_000_000}, 10_000),
}
SPOKEN_OF = 20.0
PLAIN_RUN = -1
HTML = (
    "<html><body><h1>Hi {{name}} in {{city}}</h1><p>News. <a href='{{view_url}}'>View</a></p>"
    "<p><a href='{{unsubscribe_url}}'>Unsubscribe</a> <a href='{{preferences_url}}'>Change</a>"
    " {{company}}, {{postal_address}}</p></body></html>"
)
PEOPLE_SQL = """
WITH people AS (
    INSERT INTO subscribers_subscriber (public_id, email, email_key, name, language, time_zone, fields, source,
        created_at, updated_at)
    SELECT gen_random_uuid(), 'person' || n || '@example.com', sha256(n::text::bytea), 'Ada Lovelace', 'en', '',
        '{"city": "Berlin", "plan": "free"}', '', now(), now()
    FROM generate_series(%(first)s, %(last)s) n RETURNING id
), profiles AS (
    INSERT INTO subscribers_profile (subscriber_id, joined_at, marketing_basis, contract_basis, service_basis,
        opens_allowed, clicks_allowed, opens, clicks, list_ids, tag_ids)
    SELECT id, now(), 'consent', false, false, id %% 3 = 0, false, 0, 0, ARRAY[%(list)s]::int[], '{}' FROM people
)
INSERT INTO subscribers_subscription (subscriber_id, mailing_list_id, state, source, created_at, updated_at)
SELECT id, %(list)s, 'confirmed', '', now(), now() FROM people
"""


@dataclass
class Result:
    """One line of the table. Seconds, bytes and commits of the whole run."""

    name: str
    delay_ms: float
    recipients: int
    wall: float
    cpu: float
    postgres: Any
    rss_mb: float
    in_flight: int
    duplicates: int
    missing: int
    freeze_s: float = 0.0

    @property
    def per_second(self) -> float:
        return self.recipients / self.wall

    @property
    def per_cpu_second(self) -> float:
        return self.recipients / self.cpu

    def cells(self) -> list[str]:
        """What stands in the table."""
        pg, n = self.postgres, self.recipients
        return [
            self.name,
            f"{self.delay_ms:.0f}",
            f"{n:,}",
            f"{self.per_second:,.0f}",
            f"{self.per_cpu_second:,.0f}",
            f"{self.cpu / n * 1e6:.1f}",
            f"{pg.cpu_s / n * 1e6:.1f}",
            f"{self.in_flight}",
            f"{self.rss_mb:.0f}",
            f"{pg.wal_bytes / n:.0f}",
            f"{pg.disk_bytes / n:.0f}",
            f"{pg.commits / n * 500:.1f}",
            f"{self.freeze_s / n * 1e6:.2f}" if self.freeze_s else "",
            f"{self.duplicates}/{self.missing}",
        ]


HEAD = [
    "loop", "SES ms", "   people", "people/s", "per CPU-s", "us ours", "us PG", "in flight", "RSS MB", "WAL B",
    "disk B", "commits/500", "freeze s/M", "dup/miss",
]  # fmt: skip


@contextlib.contextmanager
def fake_ses() -> Iterator[str]:
    """The address of a fake SES in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.benchmarks.fake_ses"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def site(directory: str) -> Iterator[None]:
    """Postgres and Redis with a fresh database, and Django on top."""
    from mailplatform import embedded

    with embedded.start(directory) as services:
        os.environ.update(services.environment())
        os.environ["MAILPLATFORM_DATA_DIR"] = directory
        _django()
        from django.core.management import call_command

        call_command("setup_database", verbosity=0)
        yield


def _django() -> None:
    os.environ["LOG_LEVEL"] = "ERROR"
    os.environ["DJANGO_SETTINGS_MODULE"] = "mailplatform.settings"
    import django

    django.setup()


def _ask(url: str, path: str) -> Any:
    with urllib.request.urlopen(url + path, timeout=120) as answer:  # noqa: S310 - our own fake SES
        return json.load(answer)


def work(kind: str, run_id: int, url: str) -> None:
    """The worker's process: send one run, then tell what it cost."""
    _django()
    from django.db import connection, connections

    from campaigns.sending import drain
    from mailplatform.aws import ses, session

    from . import measuring

    connection.ensure_connection()
    sender = ses.BulkSender.to_ses(
        session.Connection("eu-central-1", "AKIDEXAMPLE", "secret", {"sesv2": url})
    )
    wall, cpu = time.perf_counter(), time.process_time()
    if kind == "plain":
        from . import plain_loop

        plain_loop.send(run_id, url)
    else:
        while drain.drain(run_id, sender=sender):
            pass
    told = {
        "wall": time.perf_counter() - wall,
        "cpu": time.process_time() - cpu,
        "rss": measuring.peak_rss_mb(),
    }
    connections.close_all()
    _say(json.dumps(told))


def _in_worker(kind: str, run_id: int, url: str) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.benchmarks.bench_send", "worker", kind, str(run_id), url]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _measure(
    kind: str, run_id: int, url: str, server: int, *, delay: float, count: int, freeze_s: float
) -> Result:
    from . import measuring

    _ask(url, f"/fake/reset?ms={delay}")
    measuring.checkpoint()
    before = measuring.read(server)
    cost = _in_worker(kind, run_id, url)
    used = measuring.read(server).since(before)
    told = _ask(url, "/fake/tell")
    got: dict[str, int] = told["accepted"]
    name = "plain Django and boto3" if kind == "plain" else "mailplatform"
    missing = count - sum(1 for address in _addresses(kind, run_id) if address in got)
    twice = sum(times - 1 for times in got.values())
    return Result(
        name, delay, count, cost["wall"], cost["cpu"], used, cost["rss"], told["most_in_flight"], twice, missing,
        freeze_s,
    )  # fmt: skip


def _addresses(kind: str, run_id: int) -> Iterator[str]:
    """Whom our own ledger calls accepted."""
    from campaigns.models import Delivery
    from subscribers.models import Subscriber

    from . import plain_loop

    rows: Any = plain_loop.Recipient if kind == "plain" else Delivery
    accepted = rows.objects.filter(run_id=run_id, state="accepted").values("subscriber_id")
    yield from Subscriber.objects.filter(pk__in=accepted).values_list("email", flat=True).iterator()


def _people(first: int, last: int, list_id: int) -> None:
    from django.db import connections

    for start in range(first, last + 1, 50_000):
        end = min(last, start + 49_999)
        with connections["owner"].cursor() as cursor:
            cursor.execute(PEOPLE_SQL, {"first": start, "last": end, "list": list_id})


def _freeze(audience: Any, template: Any) -> tuple[Any, float]:
    """A run to the list, ready to send, and the seconds that the freeze of its audience took."""
    from campaigns.sending import freeze
    from tests.factories import campaigns as factories

    campaign = factories.make_campaign(state="sending", template=template)
    campaign.lists.add(audience)
    run = factories.make_run(
        campaign,
        frozen={
            "list_ids": [audience.pk], "segment_ids": [], "excluded_list_ids": [], "excluded_segment_ids": [],
            "segment_chosen": False, "track_opens": True, "track_clicks": False, "rate_limit": None,
        },
    )  # fmt: skip
    freeze.ensure_partition(run.pk)
    started = time.perf_counter()
    freeze.freeze(run)
    return run, time.perf_counter() - started


def measure(url: str, server: int, loops: dict[float, int], plain: int) -> list[Result]:
    """All loops, one after the other."""
    from django.db import connections

    from mailplatform.accounts.services import installation
    from mailplatform.core import clock
    from tests.factories import campaigns as factories
    from tests.factories.sending import make_list

    from . import plain_loop

    # A reading of the account from the future keeps it from being read again.
    factories.make_site(
        public_url="https://mail.example.com", quota_read_at=clock.now() + dt.timedelta(days=1)
    )
    installation.update(actor=None, max_send_rate=1e9, max_24_hour_send=-1.0)
    template = factories.make_template(html=HTML, defaults={"city": "your town"})
    found, audiences, first = [], {}, 1
    for count in sorted(set(loops.values())):
        audiences[count] = make_list()
        _people(first, first + count - 1, audiences[count].pk)
        first += count
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    for delay, count in loops.items():
        run, seconds = _freeze(audiences[count], template)
        found.append(_measure("fast", run.pk, url, server, delay=delay, count=count, freeze_s=seconds))
        _show(found[-1])
        run.refresh_from_db()
        if (run.state, run.audience) != ("sent", count):
            raise SystemExit(f"the run ended as {run.state} with {run.audience}: {run.pause_reason}")
    plain_loop.prepare(PLAIN_RUN, plain)
    found.append(_measure("plain", PLAIN_RUN, url, server, delay=SPOKEN_OF, count=plain, freeze_s=0.0))
    _show(found[-1])
    return found


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _show(result: Result) -> None:
    """A line of the table, as soon as it is known."""
    _say(_aligned(result.cells()))


def _aligned(cells: list[str]) -> str:
    return cells[0].ljust(22) + "".join(
        cell.rjust(len(name) + 3) for cell, name in zip(cells[1:], HEAD[1:], strict=True)
    )


def main(size: str) -> dict[str, Any]:
    """Run everything, print the table, and return the figures of the JSON line."""
    loops, plain = SIZES[size]
    with (
        tempfile.TemporaryDirectory(prefix="mailplatform-bench-") as directory,
        site(directory),
        fake_ses() as url,
    ):
        from . import measuring

        _say(_aligned(HEAD))
        results = measure(url, measuring.postmaster(directory), loops, plain)
    ours = next(r for r in results if r.name == "mailplatform" and r.delay_ms == SPOKEN_OF)
    theirs = next(r for r in results if r.name != "mailplatform" and r.delay_ms == SPOKEN_OF)
    count = ours.recipients
    return {
        "recipients": count,
        "delay_ms": ours.delay_ms,
        "ratio_to_plain": round(ours.per_second / theirs.per_second, 1),
        "cpu_ratio_to_plain": round(ours.per_cpu_second / theirs.per_cpu_second, 1),
        "recipients_per_s": round(ours.per_second),
        "recipients_per_client_cpu_s": round(ours.per_cpu_second),
        "pg_us_per_recipient": round(ours.postgres.cpu_s / count * 1e6, 1),
        "wal_bytes_per_recipient": round(ours.postgres.wal_bytes / count),
        "disk_bytes_per_recipient": round(ours.postgres.disk_bytes / count),
        "commits_per_500": round(ours.postgres.commits / count * 500, 1),
        "calls_in_flight": ours.in_flight,
        "freeze_seconds_per_million": round(ours.freeze_s / count * 1e6, 2),
        "peak_rss_mb": round(ours.rss_mb),
        "duplicates": sum(r.duplicates for r in results),
        "missing": sum(r.missing for r in results),
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        work(sys.argv[2], int(sys.argv[3]), sys.argv[4])
    else:
        _say(json.dumps(main(os.environ.get("SIZE") or "small")))
