"""What one event costs, from SNS's socket to every counter, beside the plain way of the same run.

`make bench BENCH=ingest` (SIZE=tiny|small|full). Signed messages are posted over 64 kept connections by a process of
their own to the real server processes; an answer of 200 comes after the commit of every effect. The plain way is one
Django view, one ORM insert and one Celery task per event. Prints a table, and as its last line a JSON object. Rates
depend on the machine and on who else uses it; judge ratios and CPU.
"""

import contextlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from tests.fixtures.sns import chain as sns


@dataclass(frozen=True)
class Size:
    """How many events to each way; kills; people and events of the report."""

    events: int
    shared: int
    plain: int
    kills: int
    people: int


SIZES = {
    "tiny": Size(600, 300, 100, 2, 2_000),
    "small": Size(10_000, 4_000, 600, 6, 200_000),
    "full": Size(100_000, 30_000, 5_000, 20, 1_000_000),
}
MIX = ["Send"] * 10 + ["Delivery"] * 10 + ["Open"] * 5 + ["Click"] * 2 + ["Bounce"]
AGENT = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0 Safari/537.36"


@dataclass
class Line:
    """One line of the table."""

    name: str
    events: int
    seconds: float
    server_cpu: float = 0.0
    other_cpu: float = 0.0
    postgres_cpu: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    lag_ms: float = 0.0
    wal: int = 0
    more: dict[str, Any] = field(default_factory=dict)

    def show(self) -> str:
        us = 1e6 / self.events
        return (
            f"{self.name:<26}{self.events:>8,}{self.events / self.seconds:>10,.0f}{self.server_cpu * us:>12.0f}"
            f"{self.other_cpu * us:>12.0f}{self.postgres_cpu * us:>12.0f}{self.p50_ms:>9.1f}{self.p99_ms:>9.1f}"
            f"{self.lag_ms:>10.0f}{self.wal / self.events:>11,.0f}"
        )


HEAD = (
    f"{'way':<26}{'events':>8}{'events/s':>10}{'server us':>12}{'worker us':>12}{'postgres us':>12}"
    f"{'p50 ms':>9}{'p99 ms':>9}{'lag ms':>10}{'WAL bytes':>11}"
)


def make_people(count: int) -> list[tuple[int, str]]:
    """Insert people, half of whom allow opens and clicks; return (id, address)."""
    from django.db import connections

    from tests.benchmarks.bench_send import PEOPLE_SQL
    from tests.factories.campaigns import make_list

    chosen = make_list("bench")
    with connections["owner"].cursor() as cursor:
        cursor.execute(PEOPLE_SQL, {"first": 1, "last": count, "list": chosen.pk})
        cursor.execute("UPDATE subscribers_profile SET opens_allowed = id % 2 = 0, clicks_allowed = id % 2 = 0"
                       .replace("id %", "subscriber_id %"))  # fmt: skip
        cursor.execute("SELECT id, email FROM subscribers_subscriber ORDER BY id LIMIT %s", (count,))
        found: list[tuple[int, str]] = cursor.fetchall()
    return found


def make_messages(
    run_id: int, people: list[tuple[int, str]], count: int, seed: int
) -> list[tuple[str, datetime]]:
    """Return the mix of a campaign, about 2.7 kB each."""
    from mailplatform.accounts.services import installation
    from mailplatform.core import clock
    from tests.benchmarks import sns_host

    rng, tag, now, found = random.Random(seed), installation.get().tag, clock.now(), []
    for number in range(count):
        kind, person = rng.choice(MIX), people[number % len(people)]
        body: dict[str, Any] = {}
        if kind in {"Open", "Click"}:
            body = {"userAgent": AGENT, "ipAddress": "192.0.2.1"}
        if kind == "Click":
            body["link"] = f"https://shop.example/offers/{rng.randrange(12)}?utm_source=mail"
        if kind == "Bounce":
            who = {"emailAddress": person[1], "action": "failed", "status": "5.1.1",
                   "diagnosticCode": f"smtp; 550 5.1.1 <{person[1]}>: user unknown"}  # fmt: skip
            body = {"bounceType": "Permanent", "bounceSubType": "General", "bouncedRecipients": [who],
                    "feedbackId": f"f-{seed}-{number}"}  # fmt: skip
        if kind == "Delivery":
            body = {"recipients": [person[1]], "processingTimeMillis": 812, "smtpResponse": "250 2.0.0 OK",
                    "reportingMTA": "a1-2.smtp-out.eu-central-1.amazonses.com"}  # fmt: skip
        # Each at a time of its own: two equal events of one person at one moment are one event.
        at = now - timedelta(milliseconds=count - number)
        found.append((orjson.dumps(sns_host.event(kind, run_id, person, tag, at, **body)).decode(), now))
    return found


class Bench:
    """The services, the certificate host and a folder for files."""

    def __init__(self, folder: Path, environment: dict[str, str], size: Size) -> None:
        from tests.benchmarks import measuring, sns_host
        from tests.fixtures.sns import chain as sns

        self.folder, self.size = folder, size
        self.chain = sns.make_chain()
        self.host = sns_host.CertificateHost(self.chain)
        self.environment = {**environment, **self.host.environment(), "PUBLIC_URL": "http://127.0.0.1:8000"}
        os.environ.update(self.host.environment())
        self.postmaster = measuring.postmaster(os.environ["MAILPLATFORM_DATA_DIR"])
        self.people: list[tuple[int, str]] = []

    def bodies(self, name: str, run_id: int, count: int) -> tuple[Path, list[dict[str, str]]]:
        """Sign `count` messages about a run and write them for the load generator."""
        from tests.benchmarks import sns_host, sns_load

        messages = sns_host.signed(self.chain, make_messages(run_id, self.people, count, seed=run_id))
        path = self.folder / f"{name}.bodies"
        sns_load.write_bodies(path, [orjson.dumps(fields) for fields in messages])
        return path, messages

    def ours(self, name: str, count: int, servers: int) -> Line:
        """Post to `servers` processes of ours."""
        from tests.benchmarks import event_site, measuring
        from tests.factories.events import make_run

        warm, _ = self.bodies("warm", make_run().pk, 400)
        run = make_run()
        path, messages = self.bodies(name, run.pk, count)
        with contextlib.ExitStack() as stack:
            running = [
                stack.enter_context(event_site.Server(self.environment, self.folder / f"server{n}.log"))
                for n in range(servers)
            ]
            urls = [server.url for server in running]
            event_site.figures_of(event_site.load(warm, urls))
            measuring.checkpoint()
            before, cpu = measuring.read(self.postmaster), sum(server.cpu_s() for server in running)
            deadlocks = _deadlocks()
            figures = event_site.figures_of(event_site.load(path, urls))
            used = measuring.read(self.postmaster).since(before)
            line = Line(name, count, figures["seconds"], sum(s.cpu_s() for s in running) - cpu)
            line.more["rss_mb"] = max(measuring.peak_rss_mb(server.pid) for server in running)
            line.more["deadlocks"] = _deadlocks() - deadlocks
        line.postgres_cpu, line.wal = used.cpu_s, used.wal_bytes
        line.p50_ms, line.p99_ms, line.lag_ms = figures["p50_ms"], figures["p99_ms"], figures["p99_ms"]
        if figures["answers"] != {"200": count}:
            raise RuntimeError(f"the server answered {figures['answers']}")
        line.more["agrees"] = agrees(run.pk, messages)
        return line

    def plain(self, count: int) -> Line:
        """Post to the plain way, and wait until its worker is done."""
        from django.db import connection

        from tests.benchmarks import event_site, measuring, plain_events
        from tests.factories.events import make_run

        plain_events.prepare()
        path, _ = self.bodies("plain", make_run().pk, count)
        module = "tests.benchmarks.plain_events"
        worker = [
            "celery",
            "-A",
            module,
            "worker",
            "-c",
            "2",
            "-Q",
            "plain",
            "--without-gossip",
            "-l",
            "warning",
        ]
        server = event_site.Server(
            self.environment, self.folder / "plain.log", application=f"{module}:application", path="/plain/"
        )
        with server, event_site.Process(worker, self.environment, self.folder / "plain-worker.log") as hands:
            time.sleep(3.0)
            before, cpu, worked = measuring.read(self.postmaster), server.cpu_s(), hands.cpu_s()
            started = time.perf_counter()
            figures = event_site.figures_of(event_site.load(path, [server.url], path="/plain/"))
            answered = time.perf_counter()
            if figures["answers"] != {"200": count}:
                raise RuntimeError(
                    f"the plain way answered {figures['answers']}:\n{server.log.read_text()[-3000:]}"
                )
            with connection.cursor() as cursor:
                while time.perf_counter() - answered < 120:
                    cursor.execute("SELECT count(*) FROM plain_message WHERE handled_at IS NULL")
                    row = cursor.fetchone()
                    if row and row[0] == 0:
                        break
                    time.sleep(0.05)
            ended = time.perf_counter()
            used = measuring.read(self.postmaster).since(before)
            line = Line("plain", count, ended - started, server.cpu_s() - cpu, hands.cpu_s() - worked)
        line.postgres_cpu, line.wal, line.lag_ms = used.cpu_s, used.wal_bytes, (ended - answered) * 1000
        line.p50_ms, line.p99_ms = figures["p50_ms"], figures["p99_ms"]
        return line


def rsa_us(chain: "sns.Chain") -> float:
    """CPU microseconds of one check of a signature, the least an event can cost: the measure of the machine now."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding

    signature = chain.key.sign(b"x", padding.PKCS1v15(), hashes.SHA256())
    key, started = chain.key.public_key(), time.process_time()
    for _ in range(2_000):
        key.verify(signature, b"x", padding.PKCS1v15(), hashes.SHA256())
    return (time.process_time() - started) / 2_000 * 1e6


def _deadlocks() -> int:
    from django.db import connections

    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def agrees(run_id: int, messages: list[dict[str, str]]) -> bool:
    """Tell whether the counters say what was sent, counted here from the messages, and what the rows say."""
    from collections import Counter as Tally

    from django.db.models import Sum

    from events.models import Counter
    from events.services import recounting

    sent = Tally(orjson.loads(fields["Message"])["eventType"].lower() for fields in messages)
    counted: Tally[str] = Tally()
    for row in Counter.objects.filter(run_id=run_id).values("type").annotate(events=Sum("events")):
        counted[row["type"].removesuffix("_untracked")] += row["events"]
    differences = [f"{kind}: {sent[kind]} sent, {counted[kind]} counted" for kind in sent | counted
                   if sent[kind] != counted[kind]]  # fmt: skip
    differences += [str(item) for item in recounting.compare(run_id)]
    for line in differences:
        say(line)
    return not differences


def main(size: Size, folder: Path, environment: dict[str, str]) -> dict[str, object]:
    """Measure everything and return the figures."""
    from tests.benchmarks import event_kills, event_report

    bench = Bench(folder, environment, size)
    prepare(bench, max(2_000, size.events // 3))
    say(HEAD)
    ours = bench.ours("one server", size.events, 1)
    say(ours.show())
    shared = bench.ours("three servers", size.shared, 3)
    say(shared.show())
    plain = bench.plain(size.plain)
    say(plain.show())
    kills = event_kills.kill(bench.environment, bench.chain, folder, bench.people, kills=size.kills)
    say(f"\n{kills.kills} kills of server and Postgres: {kills.acked:,} acknowledged, {kills.lost} lost")
    report = event_report.measure(size.people)
    say(f"report of {size.people:,} people and {report.events:,} events: figures {report.figures_ms:.1f} ms, "
        f"whole page {report.page_ms:.1f} ms")  # fmt: skip
    bench.host.close()
    per_s = ours.events / ours.seconds
    whole = (plain.server_cpu + plain.other_cpu) / plain.events
    return {
        "events": ours.events,
        "ratio_to_plain": round(per_s / (plain.events / plain.seconds), 1),
        "cpu_ratio_to_plain": round(whole / (ours.server_cpu / ours.events), 1),
        "events_per_s": round(per_s),
        "events_per_server_cpu_s": round(ours.events / ours.server_cpu),
        "pg_us_per_event": round(ours.postgres_cpu / ours.events * 1e6, 1),
        "p99_ms": round(ours.p99_ms, 1),
        "lag_ms": round(ours.lag_ms, 1),
        "wal_bytes_per_event": round(ours.wal / ours.events),
        "kills": kills.kills,
        "acked": kills.acked,
        "acked_lost": kills.lost,
        "deadlocks_three_writers": shared.more["deadlocks"],
        "counters_agree": int(ours.more["agrees"] and shared.more["agrees"] and not kills.differences),
        "peak_rss_mb": round(max(ours.more["rss_mb"], shared.more["rss_mb"])),
        "report_ms": round(report.figures_ms, 1),
        "report_page_ms": round(report.page_ms, 1),
        "report_people": size.people,
        "rsa_verify_us": round(rsa_us(bench.chain), 1),
    }


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def prepare(bench: Bench, people: int) -> None:
    """Make people, and let the installation believe our topic."""
    from mailplatform.accounts.services import installation
    from tests.benchmarks import sns_host

    installation.update(actor=None, topic_arns=[sns_host.TOPIC])
    bench.people = make_people(people)


@contextlib.contextmanager
def services() -> Iterator[tuple[Path, dict[str, str]]]:
    """Start services of our own, with their tables; yield a folder for files and the servers' environment."""
    from mailplatform import embedded

    place = Path(tempfile.mkdtemp(prefix="bench-ingest-"))
    os.environ["MAILPLATFORM_DATA_DIR"] = str(place / "data")
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    try:
        with embedded.start(place / "data") as started:
            os.environ.update(started.environment())
            os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
            import django
            from django.core.management import call_command

            django.setup()
            call_command("setup_database", verbosity=0)
            yield place, started.environment()
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    with services() as (place, started):
        say(json.dumps(main(SIZES[os.environ.get("SIZE") or "small"], place, started)))
