"""How long the server needs for every page, how often it asks the database, and what a first visit transfers.

`make bench BENCH=pages`: by default a tenth of `SIZE=full`, which is 1,000,000 people, 200 campaigns and 50,000,000
events; `SIZE=small` is a tenth of the default. The history is made by SQL, its counters and digests by the product.
Every page that answers GET is opened as an administrator in this process: to warm up, to count queries, and `LOOKS`
times for the clock. Compressed size: what stands beside a file as Brotli, else what a proxy's gzip makes of it. The p95
of a page is the slowest of its looks but one. Prints a table, the slowest page first, and last a JSON object.
"""

import gzip
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mailplatform import embedded

if TYPE_CHECKING:
    from django.test import Client

# People and campaigns; each campaign goes to all of them, and 50 million events are five for each of a tenth's mails.
SIZES = {"small": (10_000, 20), "default": (100_000, 20), "full": (1_000_000, 200)}
EVENTS = {"small": 500_000, "default": 5_000_000, "full": 50_000_000}
LOOKS = 20
PER_MAIL = 5
STEP = 250_000
# Apart by design.
NO_PAGE = {
    "accounts:health",
    "accounts:style",
    "accounts:setup",
    "accounts:paper_pdf",
    "accounts:paper_markdown",
}
VISUAL_EDITOR = "campaigns:template_visual"

_PEOPLE = """
INSERT INTO subscribers_subscriber
    (public_id, email, email_key, name, language, time_zone, fields, source, created_at, updated_at)
SELECT gen_random_uuid(), a.email, sha256(a.email::bytea), 'Person ' || i, 'en', '', '{}', 'bench',
    now() - make_interval(days => i %% 900), now()
FROM generate_series(%s, %s) i, LATERAL (SELECT substr(md5(i::text), 1, 8) || i || '@example.com' AS email) a
"""
_PROFILES = """
INSERT INTO subscribers_profile
    (subscriber_id, joined_at, marketing_basis, contract_basis, service_basis, opens_allowed, clicks_allowed,
     opens, clicks, list_ids, tag_ids, last_opened_at, last_sent_at)
SELECT s.id, s.created_at, CASE WHEN s.id %% 20 = 0 THEN '' ELSE 'consent' END, FALSE, FALSE, s.id %% 3 > 0,
    s.id %% 3 = 1, 5, 1, ARRAY[%s::bigint], '{}', now() - interval '2 days', now() - interval '3 days'
FROM subscribers_subscriber s
"""
_SUBSCRIPTIONS = """
INSERT INTO subscribers_subscription
    (subscriber_id, mailing_list_id, state, source, confirmed_at, created_at, updated_at)
SELECT id, %s, 'confirmed', 'bench', created_at, created_at, created_at FROM subscribers_subscriber
"""
_DELIVERIES = """
INSERT INTO campaigns_delivery (run_id, subscriber_id, state, message_id, at, reason, opens_tracked, clicks_tracked)
SELECT %(run)s, n, CASE WHEN n %% 40 = 0 THEN 'skipped' ELSE 'accepted' END,
    CASE WHEN n %% 40 = 0 THEN '-' ELSE %(run)s || '-' || n END, %(at)s,
    CASE WHEN n %% 40 = 0 THEN 'no_basis' ELSE '' END, n %% 40 > 0 AND n %% 3 > 0, n %% 40 > 0 AND n %% 3 = 1
FROM generate_series(%(first)s, %(last)s) n
"""
# Of those who may be counted half open, a machine opens for some, and some click; the first four happen to everybody.
_EVENTS = """
INSERT INTO events_event (occurred_at, received_at, run_id, subscriber_id, link_id, is_machine, type, machine_reason,
    message_id, identity, detail)
SELECT %(at)s + (k * interval '1 hour') + (n %% 3600) * interval '1 second', %(at)s + interval '2 days', %(run)s, n,
    CASE WHEN k > 2 THEN %(link)s + n %% 2 END, k > 1 AND n %% 5 = 0,
    (ARRAY['send', 'delivery', 'open', 'click', 'click'])[k + 1],
    CASE WHEN k > 1 AND n %% 5 = 0 THEN 'apple_privacy' ELSE '' END, %(run)s || '-' || n,
    decode(lpad(to_hex(%(run)s * 16000000000 + n::bigint * 16 + k), 32, '0'), 'hex'), '{}'
FROM generate_series(%(first)s, %(last)s) n, generate_series(0, %(each)s - 1) k WHERE n %% 40 > 0
"""
_OUTCOMES = """
INSERT INTO events_outcome (run_id, subscriber_id, state, state_at, reason, message_id, provider, delivered_at,
    bounced_at, opened_at, machine_opened_at, clicked_at, machine_clicked_at)
SELECT %(run)s, n, CASE WHEN n %% 50 = 0 THEN 70 ELSE 30 END, %(at)s,
    CASE WHEN n %% 50 = 0 THEN 'General' ELSE '' END, %(run)s || '-' || n,
    (ARRAY['Gmail', 'GMX', 'Outlook', 'Telekom', ''])[1 + n %% 5], %(at)s,
    CASE WHEN n %% 50 = 0 THEN %(at)s END, CASE WHEN n %% 5 > 0 THEN %(at)s + interval '2 hours' END,
    CASE WHEN n %% 5 = 0 THEN %(at)s + interval '2 hours' END,
    CASE WHEN n %% 5 > 0 THEN %(at)s + interval '3 hours' END,
    CASE WHEN n %% 5 = 0 THEN %(at)s + interval '3 hours' END
FROM generate_series(%(first)s, %(last)s) n WHERE n %% 40 > 0
"""


@dataclass
class Look:
    """What one page cost: queries, the slower looks in milliseconds, and compressed kilobytes of a first visit."""

    name: str
    path: str
    queries: int
    median_ms: float
    p95_ms: float
    asset_kb: float


def fill(people: int, campaigns: int, events: int) -> Any:
    """Make the site's history; return what pages are opened for."""
    from django.db import connections

    from events.models import Link
    from events.services import digesting, recounting
    from mailplatform.core import clock
    from subscribers.services import lists
    from tests.factories.campaigns import make_campaign, make_site
    from tests.factories.events import make_run

    make_site()
    newsletter = lists.create(name="Newsletter", is_public=True)
    with connections["owner"].cursor() as cursor:
        for start in range(0, people, STEP):
            cursor.execute(_PEOPLE, [start + 1, min(start + STEP, people)])
        cursor.execute(_PROFILES, [newsletter.pk])
        cursor.execute(_SUBSCRIPTIONS, [newsletter.pk])
        cursor.execute("SELECT min(id) FROM subscribers_subscriber")
        first = int(cursor.fetchone()[0])
    mailed = min(people, events // campaigns // PER_MAIL)
    runs = []
    for number in range(campaigns):
        at = clock.now() - timedelta(days=60 * (campaigns - number) / campaigns)
        run = make_run(state="sent", audience=mailed, list_ids=[newsletter.pk])
        type(run).objects.filter(pk=run.pk).update(launched_at=at, started_at=at, finished_at=at)
        run.campaign.state = "sent"
        run.campaign.save()
        link = min(
            Link.objects.create(
                run_id=run.pk, url_hash=bytes([each]) * 16, url=f"https://shop.example/{each}"
            ).pk
            for each in range(2)
        )
        values: dict[str, Any] = {
            "run": run.pk, "at": at, "first": first, "last": first + mailed - 1, "link": link, "each": PER_MAIL,
        }  # fmt: skip
        with connections["owner"].cursor() as cursor:
            for statement in (_DELIVERIES, _EVENTS, _OUTCOMES):
                cursor.execute(statement, values)
        runs.append(run)
    with connections["owner"].cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    for run in runs:
        recounting.repair(run.pk)
        digesting.digest(run)
    draft = make_campaign(name="A draft")
    draft.lists.add(newsletter)
    return runs[-1], draft, newsletter


def pages(client: "Client", made: Any) -> Iterator[tuple[str, str]]:
    """Every address that answers GET with a page, as the tests of every page find them."""
    from tests.browser import test_every_page as every

    world = small_world(*made)
    for name, entry in every.OURS.items():
        for path in every.paths(name, entry, world):
            answer = client.get(path)
            if answer.status_code == 200 and not answer.streaming and b"<html" in answer.content[:300]:
                yield name, path


def small_world(run: Any, draft: Any, newsletter: Any) -> Any:
    """What pages with an id are opened for: of this history, and of everything else one."""
    from mailplatform.accounts.models import User
    from subscribers.models import CustomField, Subscriber
    from subscribers.services import fields, segments
    from tests.browser.world import History, furnish, import_people

    job = import_people()
    rules = {"match": "all", "rules": [{"subject": "opened", "operator": "in_last_days", "value": 30}]}
    segments.create(name="Opened of late", rules=rules, actor=None)
    if not CustomField.objects.exists():
        fields.ensure_field(key="plan", label="Plan", field_type="text")
    history = History(
        admin=User.objects.order_by("pk")[0], sent=run.campaign, draft=draft, run=run, template=draft.template,
        subscriber=Subscriber.objects.order_by("pk")[3], mailing_list=newsletter,
    )  # fmt: skip
    return furnish(history, job=job, address="https://93.184.216.34")


def look(client: "Client", name: str, path: str) -> Look:
    """Open a page again and again."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    client.get(path)
    with CaptureQueriesContext(connection) as queries:
        text = client.get(path).content.decode()
    asked = len(queries)  # the next request forgets them
    times = []
    for _ in range(LOOKS):
        started = time.perf_counter()
        client.get(path)
        times.append((time.perf_counter() - started) * 1000)
    times.sort()
    return Look(name, path, asked, times[LOOKS // 2], times[-2], asset_kb(text))


def asset_kb(page: str) -> float:
    """Kilobytes of style sheets, scripts, icons and the font that a first visit to the page fetches."""
    found = set(re.findall(r'(?:src|href)="(/static/[^"#?]+)', page)) | set(
        re.findall(r'data-sprite="(/static/[^"#]+)', page)
    )
    total = sum(compressed(path) for path in found)
    if any("/dist/app." in path for path in found):
        total += font()
    return total / 1000


@cache
def compressed(path: str) -> int:
    """Bytes of a file as they are transferred."""
    from django.contrib.staticfiles import finders

    plain = re.sub(r"\.[0-9a-f]{12}(\.\w+)$", r"\1", path.removeprefix("/static/"))
    file = Path(str(finders.find(plain)))
    beside = file.with_name(f"{file.name}.br")
    return beside.stat().st_size if beside.exists() else len(gzip.compress(file.read_bytes(), 6))


@cache
def font() -> int:
    """The one file of the font that Latin letters need; it is compressed as it stands."""
    from django.contrib.staticfiles import finders

    folder = Path(str(finders.find("dist/app.css"))).parent
    return max(each.stat().st_size for each in folder.glob("inter-latin-wght-*.woff2"))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Fill, measure and print."""
    size = os.environ.get("SIZE") or "default"
    people, campaigns = SIZES[size]
    started = time.perf_counter()
    from django.test import Client

    from tests.factories.accounts import AdminFactory

    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(AdminFactory.create())
    made = fill(people, campaigns, EVENTS[size])
    took = time.perf_counter() - started
    _say(f"{people:,} people, {campaigns} campaigns and {EVENTS[size]:,} events made in {took:.0f} s")
    looks = [look(client, name, path) for name, path in list(pages(client, made))]
    _say(f"{'page':36} {'queries':>8} {'median ms':>10} {'p95 ms':>8} {'assets kB':>10}")
    for row in sorted(looks, key=lambda each: -each.p95_ms):
        _say(f"{row.name:36} {row.queries:8} {row.median_ms:10.1f} {row.p95_ms:8.1f} {row.asset_kb:10.1f}")
    most, slowest = max(looks, key=lambda each: each.queries), max(looks, key=lambda each: each.p95_ms)
    heaviest = max((row for row in looks if row.name != VISUAL_EDITOR), key=lambda each: each.asset_kb)
    _say(json.dumps({
        "people": people, "events": EVENTS[size], "worst_queries": most.queries, "worst_query_page": most.name,
        "worst_p95_ms": round(slowest.p95_ms, 1), "worst_p95_page": slowest.name,
        "worst_asset_kb": round(heaviest.asset_kb, 1),
    }))  # fmt: skip


if __name__ == "__main__":
    with (
        tempfile.TemporaryDirectory(prefix="mailplatform-bench-") as place,
        embedded.start(place) as services,
    ):
        (Path(place) / "static").mkdir()
        os.environ.update(services.environment())
        os.environ["MAILPLATFORM_DATA_DIR"] = place
        os.environ["LOG_LEVEL"] = "ERROR"
        # Nobody there: what asks Amazon says so at once.
        os.environ |= {
            "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
            "AWS_ACCESS_KEY_ID": "a",
            "AWS_SECRET_ACCESS_KEY": "b",
        }
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
        import django
        from django.core.management import call_command

        django.setup()
        call_command("setup_database", verbosity=0)
        main()
