"""What one recipient costs: the fast client against boto3, alone and in the whole loop, in the same run.

`python -m tests.benchmarks.bench_send [people] [delay of SES in ms]`. Judge the ratios: rates depend on the machine.
Prints a table, and as its last line a JSON object.
"""

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mailplatform import embedded

PEOPLE = 50_000
CLIENT_CALLS = 200
PEOPLE_SQL = """
WITH people AS (
    INSERT INTO subscribers_subscriber (public_id, email, email_key, name, language, time_zone, fields, source,
        created_at, updated_at)
    SELECT gen_random_uuid(), 'person' || n || '@example.com', sha256(n::text::bytea), 'Ada Lovelace', 'en', '',
        '{"city": "Berlin", "plan": "free"}', '', now(), now()
    FROM generate_series(1, %(people)s) n RETURNING id
), profiles AS (
    INSERT INTO subscribers_profile (subscriber_id, joined_at, marketing_basis, contract_basis, service_basis,
        opens_allowed, clicks_allowed, opens, clicks, list_ids, tag_ids)
    SELECT id, now(), 'consent', false, false, id %% 3 = 0, false, 0, 0, '{}', '{}' FROM people
)
INSERT INTO subscribers_subscription (subscriber_id, mailing_list_id, state, source, created_at, updated_at)
SELECT id, %(list)s, 'confirmed', '', now(), now() FROM people
"""


@dataclass
class Result:
    """One line of the table."""

    name: str
    people: int
    wall: float
    cpu: float

    @property
    def per_second(self) -> float:
        return self.people / self.wall

    @property
    def per_cpu_second(self) -> float:
        return self.people / self.cpu

    def line(self) -> str:
        return f"{self.name:28} {self.per_second:12,.0f} {self.per_cpu_second:14,.0f} {1e6 / self.per_cpu_second:10.1f}"


@contextlib.contextmanager
def fake_ses(delay: float) -> Iterator[str]:
    """The address of a fake SES in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.fake_ses", str(delay)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
    finally:
        process.kill()
        process.communicate()


@contextlib.contextmanager
def site(directory: str) -> Iterator[None]:
    """Postgres and Redis with a fresh database, and Django on top."""
    with embedded.start(directory) as services:
        os.environ.update(services.environment())
        os.environ["MAILPLATFORM_DATA_DIR"] = directory
        os.environ["LOG_LEVEL"] = "ERROR"
        os.environ["DJANGO_SETTINGS_MODULE"] = "mailplatform.settings"
        import django
        from django.core.management import call_command

        django.setup()
        call_command("setup_database", verbosity=0)
        yield


def _timed(name: str, people: int, work: Any) -> Result:
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Result(name, people, time.perf_counter() - wall, time.process_time() - cpu)


def client_only(senders: dict[str, Any]) -> list[Result]:
    """The same request over and over: building, signing, sending, parsing."""
    header = {"Name": "List-Unsubscribe", "Value": "<https://mail.example.com/u/abcdefghijklmnopqrstuvwxyz/>"}
    entry = {
        "Destination": {"ToAddresses": ["person@example.com"]},
        "ReplacementTags": [{"Name": "mp-run", "Value": "1"}, {"Name": "mp-sub", "Value": "1"}],
        "ReplacementEmailContent": {
            "ReplacementTemplate": {"ReplacementTemplateData": '{"a":"' + "x" * 340 + '"}'}
        },
        "ReplacementHeaders": [
            header,
            {"Name": "List-Unsubscribe-Post", "Value": "List-Unsubscribe=One-Click"},
        ],
    }
    request = {
        "FromEmailAddress": "news@example.com",
        "DefaultContent": {"Template": {"TemplateName": "t", "TemplateData": "{}"}},
        "BulkEmailEntries": [entry] * 50,
    }
    found = []
    for name, sender in senders.items():
        sender.send_bulk(request)

        def work(sender: Any = sender) -> None:
            for _ in range(CLIENT_CALLS):
                sender.send_bulk(request)

        found.append(_timed(f"client only, {name}", 50 * CLIENT_CALLS, work))
    return found


def whole_loop(senders: dict[str, Any], people: int) -> tuple[list[Result], Result]:
    """Freeze once per run, then drain it: claim, check, render, call, record."""
    from django.db import connection

    from campaigns.models import Delivery
    from campaigns.sending import drain
    from mailplatform.accounts.services import installation
    from mailplatform.core import clock
    from tests.factories import campaigns as factories
    from tests.factories.sending import make_list, make_run

    # A reading of the account from the future keeps it from being read again.
    read_at = clock.now() + dt.timedelta(days=1)
    factories.make_site(public_url="https://mail.example.com", quota_read_at=read_at)
    installation.update(actor=None, max_send_rate=1e9, max_24_hour_send=-1.0)
    audience = make_list()
    with connection.cursor() as cursor:
        cursor.execute(PEOPLE_SQL, {"people": people, "list": audience.pk})
    found, freezing = [], None
    for name, sender in senders.items():
        started = time.perf_counter(), time.process_time()
        run = make_run(audience)
        freezing = Result(
            "freeze", people, time.perf_counter() - started[0], 1e-9 + time.process_time() - started[1]
        )
        found.append(
            _timed(
                f"whole loop, {name}",
                people,
                lambda run=run, sender=sender: drain.drain(run.pk, sender=sender),
            )
        )
        accepted = Delivery.objects.filter(run_id=run.pk, state="accepted").count()
        run.refresh_from_db()
        assert (accepted, run.state) == (run.audience, "sent"), (
            accepted,
            run.audience,
            run.state,
            run.pause_reason,
        )
    assert freezing is not None
    return found, freezing


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main() -> None:
    """Run everything and print."""
    people = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    delay = float(sys.argv[2]) if len(sys.argv) > 2 else 0.0
    with (
        tempfile.TemporaryDirectory(prefix="mailplatform-bench-") as directory,
        site(directory),
        fake_ses(delay) as url,
    ):
        from mailplatform.aws import ses, session

        connection = session.Connection("eu-central-1", "AKIDEXAMPLE", "secret", {"sesv2": url})
        senders = {
            "boto3": ses.BulkSender(connection, use_boto3=True),
            "fast": ses.BulkSender(connection, connections=64),
        }
        clients = client_only(senders)
        loops, freezing = whole_loop(senders, people)
    _say(f"{'':28} {'people/s':>12} {'people/CPU-s':>14} {'CPU us':>10}")
    for result in [*clients, *loops]:
        _say(result.line())
    _say(f"freeze of {people:,}: {freezing.wall:.2f} s")
    figures = {
        "people": people,
        "delay_ms": delay,
        "client_ratio": round(clients[1].per_cpu_second / clients[0].per_cpu_second, 2),
        "loop_ratio": round(loops[1].per_cpu_second / loops[0].per_cpu_second, 2),
        "loop_people_per_second": round(loops[1].per_second),
        "loop_people_per_cpu_second": round(loops[1].per_cpu_second),
        "boto3_loop_people_per_second": round(loops[0].per_second),
        "freeze_seconds": round(freezing.wall, 3),
    }
    _say(json.dumps(figures))


if __name__ == "__main__":
    main()
