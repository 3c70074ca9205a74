"""How long the server needs for the report of one large campaign: the median of its data, nothing cached between."""

import statistics
import time

from django.db import connection, connections, reset_queries

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


def measure(people: int) -> tuple[float, int]:
    """Fill a run with people and three events each; return milliseconds of the report and the number of events."""
    from campaigns.models import Run
    from events.selectors import report
    from events.services import recounting
    from tests.factories.events import make_run

    run = make_run(state="sent", audience=people)
    with connections["owner"].cursor() as cursor:
        for statement in _FILL:
            cursor.execute(statement, {"run": run.pk, "first": 1, "last": people})
        cursor.execute("ANALYZE campaigns_delivery; ANALYZE events_event; ANALYZE events_outcome")
    recounting.repair(run.pk)
    found = []
    for _ in range(5):
        connection.close()
        connection.ensure_connection()
        reset_queries()
        fresh = Run.objects.get(pk=run.pk)
        started = time.perf_counter()
        report.report(fresh)
        report.links(fresh)
        report.hours(fresh)
        report.skipped_reasons(fresh)
        report.bounce_reasons(fresh)
        report.machine_reasons(fresh)
        found.append((time.perf_counter() - started) * 1000)
    return statistics.median(found), people * EVENTS_PER_PERSON
