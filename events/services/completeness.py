"""When silence is proof: whether the channel by which Amazon SES tells us things lost nothing around a call.

An accepted mail owes us one of Send, Reject and Rendering Failure. That none came for the people of a lost call proves
that SES did not take them only if, of the same configuration set, thousands of mails accepted before the call and
thousands accepted after it are complete to the last one, our endpoint listened all the time, and nothing waits in the
dead-letter queue. A channel that loses everything is never complete, hence proves nothing.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import structlog
from django.db import connection, transaction

from campaigns.models import DecisionAction
from campaigns.selectors import sending_settings
from campaigns.sending import timing
from campaigns.services import decisions
from events.models import DeadLetter, Heartbeat
from mailplatform.accounts import vault
from mailplatform.accounts.services import installation
from mailplatform.aws import session, sqs
from mailplatform.aws.steps import AwsCallError
from mailplatform.core import clock

log = structlog.get_logger(__name__)

# What a channel did longer ago says nothing about the hour of the call.
AROUND: Final = dt.timedelta(days=1)
# The endpoint writes every ten seconds; a slot more or less is no gap.
LONGEST_SILENCE: Final = dt.timedelta(seconds=30)
# After this a person has to look.
LATEST: Final = dt.timedelta(days=3)
CALLS_AT_ONCE: Final = 10
HEARTBEATS_KEPT: Final = dt.timedelta(days=60)

# Only calls whose answer came: who was settled by an event is complete by construction. Whoever was erased or merged
# since may have no event under their number. Calls are few and sorted first; their people are read call by call, so
# that it ends with the last mail that is needed, not with the last of `needed` calls.
_SAMPLE: Final = """
WITH nearest AS MATERIALIZED (
    SELECT d.run_id, d.subscriber_id
    FROM (
        SELECT c.id, c.run_id, c.subscriber_ids, c.started_at FROM campaigns_call c
        WHERE c.configuration_set = %(set)s AND c.state = 'recorded' AND c.run_id IS NOT NULL
            AND c.started_at >= %(from)s AND c.started_at < %(until)s
        ORDER BY c.started_at {direction}, c.id {direction} LIMIT %(needed)s
    ) c
    CROSS JOIN LATERAL (
        SELECT d.run_id, d.subscriber_id
        FROM campaigns_delivery d JOIN subscribers_subscriber s ON s.id = d.subscriber_id
        WHERE d.run_id = c.run_id AND d.subscriber_id = ANY(c.subscriber_ids) AND d.call_id = c.id
            AND d.state = 'accepted' AND d.reason = ''
        OFFSET 0
    ) d
    ORDER BY c.started_at {direction}, c.id {direction} LIMIT %(needed)s
)
SELECT count(*), count(*) FILTER (WHERE EXISTS (
    SELECT 1 FROM events_event e WHERE e.subscriber_id = n.subscriber_id AND e.run_id = n.run_id
        AND e.occurred_at >= %(from)s - interval '1 day' AND e.type IN ('send', 'reject', 'rendering_failure')))
FROM nearest n
"""
_GAPS: Final = """
SELECT slot, next FROM (
    SELECT slot, lead(slot) OVER (ORDER BY slot) AS next FROM (
        SELECT %(from)s::timestamptz AS slot
        UNION SELECT slot FROM events_heartbeat WHERE slot > %(from)s AND slot <= %(until)s
        UNION SELECT %(until)s::timestamptz
    ) known
) pairs WHERE next - slot > %(longest)s::interval ORDER BY slot
"""
_REFUSED: Final = "SELECT coalesce(sum(refused), 0) FROM events_heartbeat WHERE slot >= %s AND slot <= %s"
_SILENT: Final = """
SELECT c.run_id, c.configuration_set, c.started_at, c.lease_until, array_agg(d.subscriber_id)
FROM campaigns_delivery d JOIN campaigns_call c ON c.id = d.call_id
JOIN campaigns_run r ON r.id = d.run_id
WHERE (d.state = 'unresolved' OR d.reason = 'not_confirmed') AND d.state = 'unresolved'
    AND d.reason IN ('lost_answer', 'worker_lost') AND c.state = 'lost' AND r.state IN ('sending', 'paused', 'sent')
    AND c.lease_until <= least(clock_timestamp(), %(now)s) - %(fence)s::interval
    AND c.lease_until > %(now)s - %(latest)s::interval
GROUP BY c.id ORDER BY random() LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Channel:
    """How complete the channel was around a time: mails of one configuration set accepted before and after it.

    `queue` is how many messages wait in the dead-letter queue; None when that is not known.
    """

    configuration_set: str
    needed: int
    before: int
    before_complete: int
    after: int
    after_complete: int
    gaps: list[tuple[dt.datetime, dt.datetime]] = field(default_factory=list)
    refused: int = 0
    dead_letters: int = 0
    queue: int | None = None

    @property
    def doubts(self) -> list[str]:
        """Why silence proves nothing here, in plain words; none when it does."""
        found = [
            (self.before < self.needed, f"Fewer than {self.needed:,} mails were accepted shortly before."),
            (self.before_complete < self.before, "Events of mails accepted shortly before are missing."),
            (self.after < self.needed, f"Fewer than {self.needed:,} mails were accepted shortly after."),
            (self.after_complete < self.after, "Events of mails accepted shortly after are missing."),
            (bool(self.gaps), "Our endpoint did not listen all the time."),
            (self.refused > 0, "Our endpoint could not store some events and asked for them again."),
            (self.dead_letters > 0, "Some events could not be read; they lie in the dead letters."),
            (self.queue is None, "The dead-letter queue could not be looked at."),
            (bool(self.queue), "Events wait in the dead-letter queue."),
        ]
        return [words for is_so, words in found if is_so]

    @property
    def is_proof(self) -> bool:
        """Whether silence means that SES did not take the mail."""
        return not self.doubts

    def figures(self) -> dict[str, Any]:
        """What a decision is kept with."""
        return {
            "configuration_set": self.configuration_set,
            "needed": self.needed,
            "before": [self.before_complete, self.before],
            "after": [self.after_complete, self.after],
            "gaps": [[start.isoformat(), end.isoformat()] for start, end in self.gaps],
            "refused": self.refused,
            "dead_letters": self.dead_letters,
            "queue": self.queue,
        }


def channel_around(
    configuration_set: str, start: dt.datetime, end: dt.datetime, *, queue: int | None
) -> Channel:
    """Look at the channel around a call that began at `start` and cannot have been written after `end`."""
    now = clock.now()
    needed = timing.PROOF_DELIVERIES
    before, before_complete = _sample(configuration_set, start - AROUND, start, "DESC", needed)
    after, after_complete = _sample(configuration_set, end, min(end + AROUND, now), "ASC", needed)
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"from": start, "until": max(start, now), "longest": LONGEST_SILENCE}
        cursor.execute(_GAPS, values)
        gaps = list(cursor.fetchall())
        cursor.execute(_REFUSED, [start - LONGEST_SILENCE, now])
        refused = int(cursor.fetchone()[0])
    return Channel(
        configuration_set=configuration_set,
        needed=needed,
        before=before,
        before_complete=before_complete,
        after=after,
        after_complete=after_complete,
        gaps=gaps,
        refused=refused,
        dead_letters=DeadLetter.objects.filter(received_at__gte=start, replayed_at=None).count(),
        queue=queue,
    )


def queue_length() -> int | None:
    """How many events wait in the dead-letter queue; None when there is none or it cannot be asked."""
    url = installation.get().dead_letter_queue_url
    if not url:
        return None
    try:
        return sqs.waiting(installation.aws_connection(), url)
    except (AwsCallError, session.AwsConfigurationError, vault.SecretUnreadable) as error:
        log.warning("dead_letter_queue_unreadable", error=str(error))
        return None


def resend_by_itself(*, queue: Callable[[], int | None] = queue_length) -> int:
    """Send again what silence proves to be lost, where the setting allows it; return how many people.

    For beat. Each call is judged by itself; decisions are kept with the figures and without a person's name.
    """
    if not sending_settings.get().resend_by_itself:
        return 0
    found = _silent_calls()
    waiting = queue() if found else None
    people = 0
    for run_id, name, start, end, ids in found:
        channel = channel_around(name, start, end, queue=waiting)
        if not channel.is_proof:
            log.info("silence_is_no_proof", run=run_id, doubts=channel.doubts)
            continue
        try:
            made = decisions.decide(
                run_id=run_id,
                action=DecisionAction.RESEND,
                actor=None,
                subscriber_ids=ids,
                figures=channel.figures(),
            )
        except decisions.ERRORS as error:
            log.info("not_resent", run=run_id, reason=str(error))
            continue
        people += len(made.subscriber_ids)
        log.warning("resent_by_itself", run=run_id, people=len(made.subscriber_ids))
    return people


def forget_heartbeats() -> int:
    """Delete heartbeats older than any call that may still be judged; return how many."""
    return Heartbeat.objects.filter(slot__lt=clock.now() - HEARTBEATS_KEPT).delete()[0]


def _silent_calls() -> list[tuple[int, str, dt.datetime, dt.datetime, list[int]]]:
    """Lost calls with people of whom nothing was heard, old enough to be decided: run, set, start, lease, people."""
    values: dict[str, Any] = {
        "now": clock.now(),
        "fence": timing.SILENCE_FENCE,
        "latest": LATEST,
        "limit": CALLS_AT_ONCE,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        # By the partial index, whatever the planner believes.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(_SILENT, values)
        return list(cursor.fetchall())


def _sample(name: str, start: dt.datetime, end: dt.datetime, direction: str, needed: int) -> tuple[int, int]:
    """How many accepted mails there are in this time (at most `needed`), and of how many the first event came."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SAMPLE.format(direction=direction),
            {"set": name, "from": start, "until": end, "needed": needed},
        )
        total, complete = cursor.fetchone()
        return int(total), int(complete)
