"""Kill the server, Postgres or both under load, again and again, and look whether anything acknowledged was lost."""

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson
import psycopg
from django.db import connection, connections

from mailplatform.embedded import postgres
from mailplatform.embedded.binaries import find_postgres
from mailplatform.embedded.errors import EmbeddedError
from mailplatform.embedded.layout import Layout
from tests.fixtures.sns import chain as sns

from . import event_site, sns_host, sns_load

PER_KILL = 300
CONNECTIONS = 32
VICTIMS = ("server", "postgres", "both")


@dataclass
class Kills:
    """How it ended. `agrees`: after everything was sent again, every event counted exactly once."""

    kills: int = 0
    acked: int = 0
    lost: int = 0
    agrees: bool = False


def kill(
    environment: dict[str, str],
    chain: sns.Chain,
    folder: Path,
    people: list[tuple[int, str]],
    *,
    kills: int,
    per_kill: int = PER_KILL,
) -> Kills:
    """Kill `kills` times under load, in turn the server, Postgres, both; then send everything once more."""
    from tests.benchmarks import bench_ingest
    from tests.factories.events import make_run

    run, rng, result = make_run(), random.Random(7), Kills()
    texts = bench_ingest.make_messages(run.pk, people, per_kill * kills, seed=run.pk)
    messages = sns_host.signed(chain, texts)
    bodies = [orjson.dumps(fields) for fields in messages]
    server = event_site.Server(environment, folder / "killed.log")
    with server:
        for number in range(kills):
            mine = messages[number * per_kill : (number + 1) * per_kill]
            acked = _round(server, mine, folder, number, rng.uniform(0.05, 0.5))
            result.kills += 1
            result.acked += len(acked)
            result.lost += len(acked - stored())
        path = folder / "again.bodies"
        rng.shuffle(bodies)
        sns_load.write_bodies(path, bodies)
        figures = event_site.figures_of(event_site.load(path, [server.url]))
    answered = figures["answers"] == {"200": len(bodies)}
    result.agrees = answered and bench_ingest.agrees(run.pk, messages)
    return result


def _round(
    server: event_site.Server, messages: list[dict[str, str]], folder: Path, number: int, after: float
) -> set[str]:
    path, acked = folder / f"kill{number}.bodies", folder / f"kill{number}.acked"
    sns_load.write_bodies(path, [orjson.dumps(fields) for fields in messages])
    acked.touch()
    running = event_site.load(path, [server.url], connections=CONNECTIONS, acked=acked, seconds=15)
    _wait_for_the_first(acked)
    time.sleep(after)
    victim = VICTIMS[number % len(VICTIMS)]
    if victim != "server":
        kill_postgres()
    if victim != "postgres":
        server.kill()
    if victim != "server":
        start_postgres()
    if victim != "postgres":
        server.start()
    event_site.figures_of(running)
    return {messages[int(line)]["MessageId"] for line in acked.read_text().splitlines()}


def _wait_for_the_first(acked: Path) -> None:
    until = time.monotonic() + 15
    while not acked.stat().st_size and time.monotonic() < until:
        time.sleep(0.01)


def stored() -> set[str]:
    """The ids of all messages that the database knows."""
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
    family = [pid, *_children(pid)]
    for member in family:
        with contextlib.suppress(ProcessLookupError):
            os.kill(member, signal.SIGKILL)


def _children(pid: int) -> Iterator[int]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if stat.read_text().rpartition(")")[2].split()[1] == str(pid):
                yield int(stat.parent.name)


def start_postgres() -> None:
    """Start it again and wait until it has recovered and answers."""
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
