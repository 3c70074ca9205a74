"""How many signed events a second are taken in, with every effect in the same transaction.

    python -m tests.benchmarks.bench_ingest [EVENTS]

Runs in a database of its own; prints a table, then one JSON line. Nothing is counted that is not committed. Trust the
ratio to `spin` (the same machine doing nothing but hashing), not the rate.
"""

import asyncio
import hashlib
import json
import os
import random
import resource
import sys
import time
from typing import Any

PEOPLE, IN_FLIGHT = 2_000, 64


def spin() -> float:
    """Return hashes per second of one core, the measure of the machine at this moment."""
    started, data = time.perf_counter(), b"x" * 64
    for _ in range(300_000):
        data = hashlib.sha256(data).digest()
    return 300_000 / (time.perf_counter() - started)


def make_events(run: Any, people: list[Any], count: int) -> list[dict[str, Any]]:
    """Return the mix of a campaign: sends, deliveries, opens, clicks and few bounces."""
    from tests.factories.events import payload

    rng, found = random.Random(1), []
    kinds = ["Send"] * 10 + ["Delivery"] * 10 + ["Open"] * 5 + ["Click"] * 2 + ["Bounce"]
    for number in range(count):
        kind, person = rng.choice(kinds), people[number % len(people)]
        more: dict[str, Any] = (
            {"link": f"https://shop.example/{rng.randrange(12)}"} if kind == "Click" else {}
        )
        found.append(payload(kind, run, person, **more))
    return found


def by_groups(events: list[dict[str, Any]], size: int) -> tuple[float, float]:
    """Take events in without HTTP and signature; return seconds and seconds of CPU."""
    from events import ingest
    from tests.factories.events import inbound

    messages = [inbound(item) for item in events]
    started, cpu = time.perf_counter(), time.process_time()
    for at in range(0, len(messages), size):
        ingest.take_in(messages[at : at + size])
    return time.perf_counter() - started, time.process_time() - cpu


async def by_endpoint(bodies: list[bytes], verifier: Any, topics: Any) -> tuple[float, float, list[float]]:
    """Post signed bodies at the raw endpoint, `IN_FLIGHT` at a time; return seconds, CPU and each wait."""
    from events import endpoint

    site, waiting, waits = endpoint.Endpoint(verifier, topics), list(reversed(bodies)), []

    async def client() -> None:
        while waiting:
            body = waiting.pop()
            sent: list[Any] = []

            async def receive(body: bytes = body) -> Any:
                return {"type": "http.request", "body": body}

            async def send(message: Any, sent: list[Any] = sent) -> None:
                sent.append(message)

            started = time.perf_counter()
            await site.handle(
                {"type": "http", "method": "POST", "path": endpoint.PATH, "headers": []}, receive, send
            )
            waits.append(time.perf_counter() - started)
            if sent[0]["status"] != 200:
                raise SystemExit(f"the endpoint answered {sent[0]['status']}")

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(client() for _ in range(IN_FLIGHT)))
    spent = time.perf_counter() - started, time.process_time() - cpu
    site.writer.stop()
    return *spent, sorted(waits)


def main(count: int) -> dict[str, object]:
    """Measure and return the figures."""
    import orjson
    from django.db.models import Sum

    from events import verify, wiring
    from events.models import Counter, Event
    from events.services import recounting
    from mailplatform.accounts.services import installation
    from mailplatform.core import clock
    from tests.factories.events import make_person, make_run
    from tests.fixtures.sns import chain as sns

    installation.update(actor=None, topic_arns=[sns.TOPIC])
    tag = os.getpid()
    people = [
        make_person(f"p{n}-{tag}@gmail.com", opens=n % 2 == 0, clicks=n % 2 == 0) for n in range(PEOPLE)
    ]
    chain, spins, figures = sns.make_chain(), spin(), {}
    print(f"{'what':<34}{'events/s':>10}{'CPU us':>9}{'p50 ms':>9}{'p99 ms':>9}")  # noqa: T201
    for size in (1, 50, 500):
        run = make_run()
        number = count // 10 if size == 1 else count
        seconds, cpu = by_groups(make_events(run, people, number), size)
        figures[f"group_{size}_per_s"] = round(number / seconds)
        print(f"{f'transactions of {size}':<34}{number / seconds:>10,.0f}{cpu / number * 1e6:>9.0f}")  # noqa: T201
    run = make_run()
    bodies = [
        orjson.dumps(sns.notification(chain, orjson.dumps(event).decode(), at=clock.now()))
        for event in make_events(run, people, count)
    ]
    topics = wiring.Topics()
    verifier = verify.Verifier(topics=topics, fetch=chain.fetch, anchors=lambda: [chain.root], now=clock.now)
    before = Event.objects.count()
    seconds, cpu, waits = asyncio.run(by_endpoint(bodies, verifier, topics))
    p50, p99 = waits[len(waits) // 2] * 1000, waits[len(waits) * 99 // 100] * 1000
    print(f"{'endpoint, signed, ' + str(IN_FLIGHT) + ' in flight':<34}{count / seconds:>10,.0f}"  # noqa: T201
          f"{cpu / count * 1e6:>9.0f}{p50:>9.1f}{p99:>9.1f}")  # fmt: skip
    counted = Counter.objects.filter(run_id=run.pk).aggregate(all=Sum("events"))["all"]
    return {
        "events": count,
        "endpoint_per_s": round(count / seconds),
        "endpoint_cpu_us": round(cpu / count * 1e6),
        "p50_ms": round(p50, 1),
        "p99_ms": round(p99, 1),
        **figures,
        "stored": Event.objects.count() - before,
        "counted": counted,
        "counters_agree": recounting.compare(run.pk) == [],
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "spin_per_s": round(spins),
    }


if __name__ == "__main__":
    from mailplatform import embedded

    with embedded.start(os.environ.setdefault("MAILPLATFORM_DATA_DIR", "/tmp/bench-ingest-data")) as services:  # noqa: S108
        os.environ.update(services.environment())
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("setup_database", verbosity=0)
        print(json.dumps(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)))  # noqa: T201
