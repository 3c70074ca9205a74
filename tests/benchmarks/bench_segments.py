"""How long segments take to count and to show, and how long a search takes.

`make bench BENCH=segments`; SIZE=small (200,000 people, the default) or full (5,000,000). Cold means: Postgres's
buffers evicted and the operating system's copy of the files dropped, both for this server alone. Beside it, in the same
run, the rule “opened in 30 days” as most would write it: EXISTS over ten indexed events per person, same result.
Prints a table, and as its last line a JSON object. Judge the ratio: times depend on the machine.
"""

import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from mailplatform import embedded

SIZES = {"small": 200_000, "full": 5_000_000}
STEP = 250_000
EVENTS_EACH = 10
WARM = 5
SEARCHES = 60
LIMIT_MS = 600_000

_PEOPLE = """
INSERT INTO subscribers_subscriber
    (public_id, email, email_key, name, language, time_zone, fields, source, created_at, updated_at)
SELECT gen_random_uuid(), a.email, sha256(a.email::bytea), 'Person ' || i, 'en', '',
    jsonb_build_object('country', (ARRAY['SE','US','DE','FR'])[1 + i %% 4], 'plan', (ARRAY['a','b','c'])[1 + i %% 3]),
    'bench', now() - make_interval(days => i %% 900), now()
FROM generate_series(%s, %s) i, LATERAL (SELECT substr(md5(i::text), 1, 8) || i || '@example.com' AS email) a
"""
_EVENTS = """
INSERT INTO bench_event
SELECT s.id, CASE WHEN k %% 2 = 0 AND s.id %% 5 > 0 THEN 'open' ELSE 'delivery' END,
    now() - make_interval(secs => (hashint8(s.id * 16 + k) & 2147483647) %% 50000000)
FROM subscribers_subscriber s, generate_series(1, %s) k WHERE s.id > %s AND s.id <= %s
"""
_PROFILES = """
INSERT INTO subscribers_profile
    (subscriber_id, joined_at, marketing_basis, contract_basis, service_basis, opens_allowed, clicks_allowed,
     opens, clicks, list_ids, tag_ids, text_1, text_2, last_opened_at, last_clicked_at, last_sent_at)
SELECT s.id, s.created_at, CASE WHEN s.id %% 20 = 0 THEN 'none' ELSE 'consent' END, FALSE, FALSE, s.id %% 3 > 0,
    s.id %% 3 = 1, 5, 1, ARRAY[%s::bigint + (s.id / 7) %% 3],
    CASE WHEN s.id %% 10 = 0 THEN ARRAY[%s::bigint] ELSE '{}' END,
    s.fields->>'country', s.fields->>'plan', CASE WHEN s.id %% 3 > 0 THEN e.opened END,
    CASE WHEN s.id %% 3 = 1 THEN e.opened - interval '20 days' END, now() - interval '3 days'
FROM subscribers_subscriber s
LEFT JOIN (SELECT subscriber_id, max(occurred_at) AS opened FROM bench_event
    WHERE type = 'open' AND subscriber_id > %s AND subscriber_id <= %s GROUP BY 1) e ON e.subscriber_id = s.id
WHERE s.id > %s AND s.id <= %s
"""
# Three in ten bought something, once to three times in two years, of 2,000 products; 1 in 10 of these is a tea.
_PRODUCTS = """
INSERT INTO subscribers_product (name)
SELECT (ARRAY['Tea','Cup','Book','Lamp','Chair','Bag','Hat','Map','Pen','Box'])[1 + i % 10] || ' ' || i
FROM generate_series(1, 2000) i
"""
_ORDERS = """
INSERT INTO subscribers_order (source, number, subscriber_id, ordered_at, currency, total, created_at)
SELECT 'bench', s.id || '-' || k, s.id,
    now() - make_interval(secs => (hashint8(s.id * 4 + k) & 2147483647) %% 63000000),
    CASE WHEN s.id %% 4 = 0 THEN 'SEK' ELSE 'EUR' END, 500 + (hashint8(s.id * 8 + k) & 2147483647) %% 20000, now()
FROM subscribers_subscriber s, generate_series(1, 3) k
WHERE s.id > %s AND s.id <= %s AND s.id %% 10 < 3 AND k <= 1 + s.id %% 3
"""
_LINES = """
INSERT INTO subscribers_orderline (order_id, place, product_id, quantity)
SELECT o.id, 1, first.id + (hashint8(o.id) & 2147483647) % 2000, 1
FROM subscribers_order o, (SELECT min(id) AS id FROM subscribers_product) first
"""
_BOUGHT = """
UPDATE subscribers_profile p SET orders = o.orders, last_ordered_at = o.last, spent = o.spent, product_ids = o.products
FROM (SELECT o.subscriber_id, count(*) AS orders, max(o.ordered_at) AS last,
        jsonb_build_object(min(o.currency), sum(o.total)) AS spent, array_agg(DISTINCT l.product_id) AS products
    FROM subscribers_order o JOIN subscribers_orderline l ON l.order_id = o.id GROUP BY 1) o
WHERE p.subscriber_id = o.subscriber_id
"""
_SUPPRESSED = """
INSERT INTO subscribers_suppression (email_key, reason, source, detail, created_at, lifted_because)
SELECT email_key, 'bounce', 'bench', '', now(), '' FROM subscribers_subscriber WHERE id % 100 = 7
"""
_SCAN = """
SELECT count(*) FROM subscribers_profile p WHERE p.opens_allowed AND EXISTS (
    SELECT FROM bench_event e WHERE e.subscriber_id = p.subscriber_id AND e.type = 'open' AND e.occurred_at >= %s)
"""


def fill(count: int) -> dict[str, int]:
    """Make the people and their events; return the numbers of the first list and of the tag."""
    from django.db import connections

    from subscribers.services import fields, lists

    first = min(lists.create(name=f"List {number}").pk for number in range(3))
    tag = fields.ensure_tags(names=["vip"])["vip"]
    fields.ensure_field(key="country", label="Country", field_type="text")
    fields.ensure_field(key="plan", label="Plan", field_type="text")
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE TABLE bench_event (subscriber_id bigint, type text, occurred_at timestamptz)")
        for start in range(0, count, STEP):
            end = min(start + STEP, count)
            cursor.execute(_PEOPLE, [start + 1, end])
            cursor.execute(_EVENTS, [EVENTS_EACH, start, end])
            cursor.execute(_PROFILES, [first, tag, start, end, start, end])
            cursor.execute(_ORDERS, [start, end])
        cursor.execute("INSERT INTO subscribers_ordercurrency VALUES ('EUR'), ('SEK')")
        for statement in (_PRODUCTS, _LINES, _BOUGHT):
            cursor.execute(statement)
        cursor.execute(_SUPPRESSED)
        cursor.execute("CREATE INDEX ON bench_event (subscriber_id, type, occurred_at)")
        cursor.execute("GRANT SELECT ON bench_event TO PUBLIC")
        cursor.execute("VACUUM ANALYZE")
    return {"list": first, "tag": tag}


def rule(subject: str, operator: str, value: Any = None, within: int | None = None) -> dict[str, Any]:
    """One condition."""
    return {"subject": subject, "operator": operator, "value": value, "within": within}


def segments(made: dict[str, int]) -> dict[str, dict[str, Any]]:
    """Six segments that are asked of everybody's engagement, and five of what people bought."""
    here = rule("field.country", "equals", "SE")
    opened, clicked = rule("opened", "in_last_days", 30), rule("clicked", "not_in_last_days", 90)
    on_list, tagged = rule("list", "has_any", [made["list"]]), rule("tag", "has_any", [made["tag"]])
    joined = rule("joined", "in_last_days", 30)
    return {
        "field, list and tag": {"match": "all", "rules": [here, on_list, tagged]},
        "opened in 30 days": {"match": "all", "rules": [opened]},
        "not clicked in 90 days": {"match": "all", "rules": [clicked]},
        "joined and never opened": {"match": "all", "rules": [joined, rule("opened", "never")]},
        "nested": {
            "match": "all",
            "rules": [
                here,
                {"match": "any", "rules": [opened, joined]},
                {"match": "none", "rules": [tagged, rule("field.plan", "equals", "b")]},
            ],
        },
        "excluded": {"match": "all", "rules": [on_list, {"match": "none", "rules": [opened]}]},
        "bought in 90 days": {"match": "all", "rules": [rule("orders.last", "in_last_days", 90)]},
        "spent 150 in all": {"match": "all", "rules": [rule("spent.EUR", "at_least", "150")]},
        "spent 150 in 365 days": {"match": "all", "rules": [rule("spent.EUR", "at_least", "150", 365)]},
        "spent at most 50 in 365": {"match": "all", "rules": [rule("spent.EUR", "at_most", "50", 365)]},
        "bought some tea": {"match": "all", "rules": [rule("orders.product", "contains", "tea")]},
    }


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return milliseconds and the result."""
    started = time.perf_counter()
    result = work()
    return (time.perf_counter() - started) * 1000, result


def grow_cold(directory: str) -> None:
    """Evict this server's buffers, and the system's copy of its files."""
    from django.db import connections

    from mailplatform.embedded.layout import SUPERUSER

    settings = connections["owner"].get_connection_params()
    with psycopg.connect(
        host=settings["host"], dbname=settings["dbname"], user=SUPERUSER, autocommit=True
    ) as link:
        link.execute("CREATE EXTENSION IF NOT EXISTS pg_buffercache")
        link.execute("CHECKPOINT")
        link.execute("SELECT pg_buffercache_evict_all()")
    for path in Path(directory).rglob("base/*/*"):
        try:
            handle = os.open(path, os.O_RDONLY)
        except OSError:
            continue
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)


def measure(name: str, tree: dict[str, Any], directory: str) -> dict[str, Any]:
    """Count a segment cold and warm, and show its first page."""
    from subscribers.selectors import segments as selector

    def count() -> int | None:
        return selector.total(tree, timeout_ms=LIMIT_MS)

    grow_cold(directory)
    cold, found = timed(count)
    warm = statistics.median(timed(count)[0] for _ in range(WARM))
    page = statistics.median(
        timed(lambda: selector.sample(tree, limit=50, timeout_ms=LIMIT_MS))[0] for _ in range(WARM)
    )
    whole = timed(lambda: selector.count(tree, timeout_ms=LIMIT_MS))[0]
    return {"name": name, "people": found, "warm": warm, "cold": cold, "page": page, "whole": whole}


def searches(count: int) -> list[float]:
    """Search by the beginning of an address, as the page does while somebody types."""
    import hashlib

    from subscribers.selectors.subscribers import Filters, find

    chance, times = random.Random(5), list[float]()
    for _ in range(SEARCHES):
        person = chance.randint(1, count)
        digest = hashlib.md5(str(person).encode(), usedforsecurity=False).hexdigest()
        begin = digest[: chance.randint(4, 8)]
        times.append(timed(partial(find, Filters(q=begin)))[0])
    return sorted(times)


def event_scan(people: int | None) -> float:
    """Count “opened in 30 days” over the events; the number must be the same."""
    from datetime import timedelta
    from zoneinfo import ZoneInfo

    from django.db import connection

    from mailplatform.accounts.services import installation
    from mailplatform.core import clock

    zone = ZoneInfo(installation.get().time_zone)  # days are those of the calendar there

    def scan() -> int:
        with connection.cursor() as cursor:
            cursor.execute(_SCAN, [clock.now().astimezone(zone) - timedelta(days=30)])
            return int(cursor.fetchone()[0])

    took, found = timed(scan)
    assert people is not None
    assert abs(found - people) <= max(3, people // 1000), (found, people)  # the clock goes on between them
    return statistics.median([took, *(timed(scan)[0] for _ in range(2))])


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def main(directory: str) -> None:
    """Measure and print."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else SIZES[os.environ.get("SIZE") or "small"]
    took, made = timed(lambda: fill(count))
    _say(f"{count:,} people and {count * EVENTS_EACH:,} events made in {took / 1000:.0f} s")
    _say(f"{'segment':26} {'people':>10} {'warm ms':>9} {'cold ms':>9} {'page ms':>9} {'all counts ms':>14}")
    rows = [measure(name, tree, directory) for name, tree in segments(made).items()]
    for row in rows:
        _say(
            f"{row['name']:26} {row['people']:10,} {row['warm']:9.1f} {row['cold']:9.1f} {row['page']:9.1f}"
            f" {row['whole']:14.1f}"
        )
    found = searches(count)
    scan = event_scan(rows[1]["people"])
    _say(f"search: median {statistics.median(found):.1f} ms; opened in 30 days over events: {scan:.1f} ms")
    figures = {
        "people": count,
        "worst_warm_ms": round(max(row["warm"] for row in rows), 1),
        "worst_cold_ms": round(max(row["cold"] for row in rows), 1),
        "worst_page_ms": round(max(row["page"] for row in rows), 1),
        "search_p95_ms": round(found[int(len(found) * 0.95)], 1),
        "ratio_to_event_scan": round(scan / rows[1]["warm"], 2),
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
