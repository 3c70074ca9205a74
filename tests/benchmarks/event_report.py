"""How long the server needs for the report of one large campaign: its figures, and the whole page; medians of seven."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connections

if TYPE_CHECKING:
    from campaigns.models import Run

EVENTS_PER_PERSON = 3
_FILL = (
    """INSERT INTO campaigns_delivery (run_id, subscriber_id, state, message_id, at, reason, opens_tracked,
        clicks_tracked)
    SELECT %(run)s, n, 'accepted', 'm-' || n, now() - interval '3 days', '', true, true
    FROM generate_series(%(first)s, %(last)s) n""",
    """INSERT INTO events_event (occurred_at, received_at, run_id, subscriber_id, link_id, is_machine, type,
        machine_reason, message_id, identity, detail)
    SELECT now() - (random() * 72) * interval '1 hour', now(), %(run)s, n,
        NULL, k = 2 AND n %% 5 = 0, (ARRAY['send', 'delivery', 'open'])[k + 1],
        CASE WHEN k = 2 AND n %% 5 = 0 THEN 'apple_privacy' ELSE '' END, 'm-' || n,
        decode(lpad(to_hex(n * 4 + k), 32, '0'), 'hex'), '{}'
    FROM generate_series(%(first)s, %(last)s) n, generate_series(0, 2) k""",
    """INSERT INTO events_outcome (run_id, subscriber_id, state, state_at, reason, message_id, provider, delivered_at)
    SELECT %(run)s, n, CASE WHEN n %% 50 = 0 THEN 70 ELSE 30 END, now(),
        CASE WHEN n %% 50 = 0 THEN 'General' ELSE '' END,
        'm-' || n, 'Gmail', now() FROM generate_series(%(first)s, %(last)s) n""",
)


@dataclass(frozen=True)
class Times:
    """Milliseconds of all figures, and of the page with them; `events` of the run."""

    figures_ms: float
    page_ms: float
    events: int


def measure(people: int) -> Times:
    """Fill a run with people and three events each, and ask for its report.

    What beat computes aside (the digest) was computed once before, as it is where a worker runs.
    """
    from django.test import Client
    from django.urls import reverse

    from events.services import digesting, recounting
    from tests.factories.accounts import AdminFactory
    from tests.factories.events import make_run

    run = make_run(state="sent", audience=people)
    with connections["owner"].cursor() as cursor:
        for statement in _FILL:
            cursor.execute(statement, {"run": run.pk, "first": 1, "last": people})
        cursor.execute("ANALYZE campaigns_delivery; ANALYZE events_event; ANALYZE events_outcome")
    recounting.repair(run.pk)
    digesting.digest(run)
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(AdminFactory.create())
    address = reverse("events:campaign_report", args=[run.campaign.public_id])
    figures = _median(lambda: _figures(run))
    if client.get(address).status_code != 200:
        raise RuntimeError("the report's page does not answer")
    page = _median(lambda: client.get(address))
    return Times(figures, page, people * EVENTS_PER_PERSON)


def _figures(run: "Run") -> None:
    from events.selectors import breakdown, report

    part = breakdown.breakdown(run)
    report.report(run, [part])
    report.links(run)
    report.hours(run)
    if part is None:
        raise RuntimeError("the run has no digest")
    report.skipped_reasons(part)
    report.bounce_reasons(part)


def _median(call: Callable[[], object]) -> float:
    found = []
    for _ in range(8):
        started = time.perf_counter()
        call()
        found.append((time.perf_counter() - started) * 1000)
    return statistics.median(found[1:])
