"""Kill servers and Postgres under load, again and again, and look whether anything acknowledged was lost.

    python -m tests.benchmarks.event_kills KILLS

Two servers take in messages of which three in ten come twice and three in ten out of order. In the end everything is
sent once more, as SNS would, and states and counters are compared with a slow, obvious oracle's.
"""

import contextlib
import json
import os
import random
import signal
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson
import psycopg

from mailplatform.embedded import postgres
from mailplatform.embedded.binaries import find_postgres
from mailplatform.embedded.errors import EmbeddedError
from mailplatform.embedded.layout import Layout
from mailplatform.management.chaos.processes import children_of
from tests.fixtures.sns import chain as sns

from . import event_site, sns_host, sns_load

PER_KILL = 300
CONNECTIONS = 32
VICTIMS = ("server", "postgres", "both")
# A server whose Postgres was just killed answers 503 until it has a new connection: SNS comes back then.
DELIVERIES = 5


@dataclass
class Kills:
    """How it ended. `differences` from the oracle, after everything was sent again."""

    kills: int = 0
    acked: int = 0
    lost: int = 0
    differences: list[str] = field(default_factory=list)


def kill(
    environment: dict[str, str],
    chain: sns.Chain,
    folder: Path,
    people: list[tuple[int, str]],
    *,
    kills: int,
    per_kill: int = PER_KILL,
) -> Kills:
    """Kill `kills` times under load, in turn a server, Postgres, everything; then send everything once more."""
    from tests.benchmarks import bench_ingest
    from tests.factories import events_oracle
    from tests.factories.events import make_run
    from tests.factories.storms import disorder

    run, rng, result = make_run(), random.Random(7), Kills()
    texts = bench_ingest.make_messages(run.pk, people, per_kill * kills * 10 // 13, seed=run.pk)
    messages = sns_host.signed(chain, texts)
    brought = disorder(rng, messages)
    servers = [event_site.Server(environment, folder / f"killed{n}.log") for n in range(2)]
    with servers[0], servers[1]:
        for number in range(kills):
            mine = brought[number * per_kill : (number + 1) * per_kill]
            acked = _round(servers, mine, folder, number, rng)
            result.kills += 1
            result.acked += len(acked)
            result.lost += len(acked - stored())
        rng.shuffle(brought)
        refused = _again(servers, brought, folder)
    allowed = {number for number, _ in people if number % 2 == 0}
    expected = events_oracle.expect([orjson.loads(fields["Message"]) for fields in messages], allowed, set())
    result.differences = events_oracle.differences(expected, events_oracle.stored([run.pk]))
    if refused:
        result.differences.append(f"never answered 200: {refused}")
    return result


def _again(servers: list[event_site.Server], messages: list[dict[str, str]], folder: Path) -> int:
    """Bring everything as SNS would, what was not answered 200 again and again; how many never were."""
    urls = [server.url for server in servers]
    for number in range(DELIVERIES):
        path, acked = folder / f"again{number}.bodies", folder / f"again{number}.acked"
        sns_load.write_bodies(path, [orjson.dumps(fields) for fields in messages])
        acked.touch()
        event_site.figures_of(event_site.load(path, urls, acked=acked))
        taken = {int(line) for line in acked.read_text().splitlines()}
        messages = [fields for place, fields in enumerate(messages) if place not in taken]
        if not messages:
            break
        time.sleep(1)
    return len(messages)


def _round(
    servers: list[event_site.Server],
    messages: list[dict[str, str]],
    folder: Path,
    number: int,
    rng: random.Random,
) -> set[str]:
    path, acked = folder / f"kill{number}.bodies", folder / f"kill{number}.acked"
    sns_load.write_bodies(path, [orjson.dumps(fields) for fields in messages])
    acked.touch()
    urls = [server.url for server in servers]
    running = event_site.load(path, urls, connections=CONNECTIONS, acked=acked, seconds=30)
    _wait_for_the_first(acked)
    time.sleep(rng.uniform(0.0, 0.3))
    victim = VICTIMS[number % len(VICTIMS)]
    victims = servers if victim == "both" else [] if victim == "postgres" else [rng.choice(servers)]
    if victim != "server":
        kill_postgres()
    for server in victims:
        server.kill()
    if victim != "server":
        start_postgres()
    for server in victims:
        server.start()
    event_site.figures_of(running)
    return {messages[int(line)]["MessageId"] for line in acked.read_text().splitlines()}


def _wait_for_the_first(acked: Path) -> None:
    until = time.monotonic() + 15
    while not acked.stat().st_size and time.monotonic() < until:
        time.sleep(0.01)


def stored() -> set[str]:
    """The ids of all messages that the database knows."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT message_id::text FROM events_inboundmessage")
        return {row[0] for row in cursor.fetchall()}


def _server() -> postgres.Server:
    return postgres.server(Layout.of(os.environ["MAILPLATFORM_DATA_DIR"]), find_postgres())


def kill_postgres() -> None:
    """Send SIGKILL to the embedded Postgres of this data directory and to every process of it."""
    pid = _server().pid
    if pid is None:
        raise EmbeddedError("Postgres does not run")
    family = [pid, *children_of(pid)]
    for member in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)
    _wait_for_the_end()


def _wait_for_the_end() -> None:
    """While it still dies it counts as running, and starting it would do nothing."""
    until = time.monotonic() + 30
    while _server().is_running():
        if time.monotonic() > until:
            raise EmbeddedError("Postgres does not die")
        time.sleep(0.02)


def start_postgres() -> None:
    """Start it again and wait until it has recovered and answers."""
    from django.db import connections

    postgres.start(_server())
    until = time.monotonic() + 30
    for alias in ("default", "owner"):
        connections[alias].close()
    while True:
        try:
            psycopg.connect(os.environ["DATABASE_URL"]).close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            return


def main(kills: int) -> Kills:
    """Run it with services of its own."""
    from tests.benchmarks import bench_ingest

    with bench_ingest.services() as (folder, started):
        bench = bench_ingest.Bench(folder, started, bench_ingest.SIZES["tiny"])
        bench_ingest.prepare(bench, 400)
        return kill(bench.environment, bench.chain, folder, bench.people, kills=kills)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(main(int(sys.argv[1]) if len(sys.argv) > 1 else 20))) + "\n")
