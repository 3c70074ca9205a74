"""How lists grow, week by week: counted in the background, so that the first page reads a few rows."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from django.db import connection

from events.models import ListWeek
from mailplatform.core import clock
from mailplatform.core.alone import alone

WEEKS: Final = 13
EVERYBODY: Final = 0
# A row that was taken off a list by hand is gone, so weeks are counted anew as a whole. People who are on several
# lists count for each of them, and once among all.
_COUNT: Final = """
INSERT INTO events_listweek (mailing_list_id, week, joined, "left", bounced, counted_at)
SELECT list, week::date, sum(joined), sum(gone), sum(bounced), %(now)s FROM (
    SELECT x.mailing_list_id AS list, date_trunc('week', coalesce(x.confirmed_at, x.created_at), 'UTC') AS week,
           count(*) AS joined, 0 AS gone, 0 AS bounced
    FROM subscribers_subscription x
    WHERE x.state <> 'pending' AND coalesce(x.confirmed_at, x.created_at) >= %(since)s GROUP BY 1, 2
    UNION ALL
    SELECT x.mailing_list_id, date_trunc('week', x.unsubscribed_at, 'UTC'), 0, count(*), 0
    FROM subscribers_subscription x
    WHERE x.state = 'unsubscribed' AND x.unsubscribed_at >= %(since)s GROUP BY 1, 2
    UNION ALL
    SELECT x.mailing_list_id, date_trunc('week', b.created_at, 'UTC'), 0, 0, count(*)
    FROM subscribers_suppression b JOIN subscribers_subscriber s ON s.email_key = b.email_key
    JOIN subscribers_subscription x ON x.subscriber_id = s.id
    WHERE b.reason = 'bounce' AND b.created_at >= %(since)s GROUP BY 1, 2
    UNION ALL
    SELECT 0, date_trunc('week', s.created_at, 'UTC'), count(*), 0, 0
    FROM subscribers_subscriber s WHERE s.created_at >= %(since)s GROUP BY 1, 2
    UNION ALL
    SELECT 0, week, 0, count(DISTINCT subject), 0 FROM (
        SELECT c.subject, date_trunc('week', c.recorded_at, 'UTC') AS week FROM subscribers_consentrecord c
        WHERE c.recorded_at >= %(since)s AND c.purpose = 'marketing_email' AND c.act IN ('withdrawn', 'objected')
    ) said GROUP BY 1, 2
    UNION ALL
    SELECT 0, date_trunc('week', b.created_at, 'UTC'), 0, 0, count(*) FROM subscribers_suppression b
    WHERE b.reason = 'bounce' AND b.created_at >= %(since)s GROUP BY 1, 2
) parts GROUP BY 1, 2
"""


def first_week(now: datetime) -> date:
    """Return the Monday with which the weeks begin that are kept."""
    today = now.astimezone(UTC).date()
    return today - timedelta(days=today.weekday() + 7 * (WEEKS - 1))


def count_weeks() -> int:
    """Count the last weeks of every list anew; return how many rows there are, 0 when somebody else counts already."""
    now = clock.now()
    since = datetime.combine(first_week(now), time(), UTC)
    values: dict[str, Any] = {"now": now, "since": since}
    # Two at once would both put in what both took out. Pages go on reading the weeks of before.
    with alone("events_listweek") as mine, connection.cursor() as cursor:
        if not mine:
            return 0
        ListWeek.objects.all().delete()
        cursor.execute(_COUNT, values)
        return int(cursor.rowcount)
