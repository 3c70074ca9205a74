"""The people behind each number of a report: the same rule as the number, a page at a time or as a stream."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction

from campaigns.models import Run, RunPurpose
from campaigns.selectors import failed, recipients
from events.kinds import Outcome
from subscribers.models import Segment
from subscribers.selectors import segments

from .report import scope_of
from .words import bounce_words

PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Group:
    """One number: its title and the rule. `side` tells which table leads: deliveries or outcomes."""

    title: str
    rule: str
    side: str = "o"
    when: str = "o.delivered_at"


GROUPS: Final = {
    "audience": Group("Everybody decided on so far", "true", "d", "d.at"),
    "accepted": Group("Accepted by Amazon SES", "d.state = 'accepted'", "d", "d.at"),
    "failed": Group("Failed", "d.state = 'failed'", "d", "d.at"),
    "skipped": Group("Skipped", "d.state = 'skipped'", "d", "d.at"),
    "unresolved": Group("Unresolved", "d.state = 'unresolved'", "d", "d.at"),
    "quiet": Group(
        "Accepted, nothing final heard yet", "d.state = 'accepted' AND coalesce(o.state, 0) < 30", "d", "d.at"
    ),
    "trackable_opens": Group("Opens could be counted", "d.state = 'accepted' AND d.opens_tracked", "d", "d.at"),
    "trackable_clicks": Group("Clicks could be counted", "d.state = 'accepted' AND d.clicks_tracked", "d", "d.at"),
    "not_opened": Group(
        "Delivered and allowed to count, not opened",
        "d.state = 'accepted' AND d.opens_tracked AND o.state IN (30, 80) AND o.opened_at IS NULL", "d", "d.at",
    ),
    "not_clicked": Group(
        "Delivered and allowed to count, not clicked",
        "d.state = 'accepted' AND d.clicks_tracked AND o.state IN (30, 80) AND o.clicked_at IS NULL", "d", "d.at",
    ),
    "delayed": Group("Delayed by the mailbox provider", f"o.state = {Outcome.DELAYED:d}", when="o.state_at"),
    "engaged": Group(
        "Opened or clicked", "(o.opened_at IS NOT NULL OR o.clicked_at IS NOT NULL)",
        when="coalesce(o.clicked_at, o.opened_at)",
    ),
    "machine": Group(
        "Opened or clicked by a machine", "(o.machine_opened_at IS NOT NULL OR o.machine_clicked_at IS NOT NULL)",
        when="coalesce(o.machine_clicked_at, o.machine_opened_at)",
    ),
    "reached": Group("Mails we heard of", "o.state_at IS NOT NULL", when="o.state_at"),
    "all_bounced": Group(
        "Bounced", f"o.state IN ({Outcome.HARD_BOUNCE:d}, {Outcome.SOFT_BOUNCE:d})", when="o.bounced_at"
    ),
    "delivered": Group("Delivered", f"o.state IN ({Outcome.DELIVERED:d}, {Outcome.COMPLAINT:d})"),
    "bounced": Group("Bounced for good", f"o.state = {Outcome.HARD_BOUNCE:d}", when="o.bounced_at"),
    "soft_bounced": Group("Bounced, may pass", f"o.state = {Outcome.SOFT_BOUNCE:d}", when="o.bounced_at"),
    "rejected": Group("Not rendered or rejected", f"o.state IN ({Outcome.RENDERING_FAILURE:d}, {Outcome.REJECTED:d})"),
    "complained": Group("Complained", "o.complained_at IS NOT NULL", when="o.complained_at"),
    "opened": Group("Opened", "o.opened_at IS NOT NULL", when="o.opened_at"),
    "machine_opened": Group("Opened by a machine", "o.machine_opened_at IS NOT NULL", when="o.machine_opened_at"),
    "clicked": Group("Clicked", "o.clicked_at IS NOT NULL", when="o.clicked_at"),
    "machine_clicked": Group("Clicked by a machine", "o.machine_clicked_at IS NOT NULL", when="o.machine_clicked_at"),
    "unsubscribed": Group("Unsubscribed", "o.unsubscribed_at IS NOT NULL", when="o.unsubscribed_at"),
}  # fmt: skip

_LINK: Final = (
    "EXISTS (SELECT FROM events_event e WHERE e.run_id = {t}.run_id AND e.type = 'click'"
    " AND e.subscriber_id = {t}.subscriber_id AND NOT e.is_machine AND e.link_id IN"
    " (SELECT same.id FROM events_link same JOIN events_link l ON l.url_hash = same.url_hash"
    " WHERE l.id = %(link)s AND same.run_id = ANY(%(runs)s)))"
)
_HIT: Final = (
    "EXISTS (SELECT FROM events_event e WHERE e.run_id = {t}.run_id AND e.subscriber_id = {t}.subscriber_id"
    " AND e.type IN ('open', 'click') AND {rule})"
)
# In a launch with its retries, a person who failed counts where the last try left them; whom it left out, because the
# first mail was proved, counts there.
_TRIED_AGAIN: Final = (
    "NOT EXISTS (SELECT FROM campaigns_delivery again JOIN campaigns_run r ON r.id = again.run_id"
    " WHERE r.source_run_id = d.run_id AND r.id = ANY(%(runs)s) AND again.subscriber_id = d.subscriber_id)"
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which people: a group, and within it a reason, a link, a provider, a list, a segment, a device, a machine."""

    who: str
    reason: str = ""
    has_reason: bool = False
    link_id: int = 0
    provider: str | None = None
    list_id: int = 0
    segment_id: int = 0
    device: str | None = None
    machine: str = ""


@dataclass(frozen=True, slots=True)
class Person:
    """One row. Without address the person has been erased since."""

    subscriber_id: int
    public_id: UUID | None
    email: str
    name: str
    state: str
    reason: str
    at: datetime | None

    @property
    def reason_words(self) -> str:
        """The reason in words, whichever table it came from."""
        words = recipients.reason_label(self.reason)
        return words if words != self.reason else (bounce_words(self.reason) if self.reason else "")


@dataclass(frozen=True, slots=True)
class Page:
    """One page of people; the cursors are 0 where there is nothing more."""

    rows: list[Person]
    next_after: int
    previous_before: int


def page(scope: Run | Sequence[Run], choice: Choice, *, after: int = 0, before: int = 0) -> Page:
    """Return a page in order of the person's id, by keyset. KeyError for an unknown group."""
    backwards = before > 0
    sql, values = _query(scope, choice)
    lead = GROUPS[choice.who].side
    comparison = f"{lead}.subscriber_id {'<' if backwards else '>'} %(key)s"
    direction = "DESC" if backwards else "ASC"
    values |= {"key": before if backwards else after, "limit": PAGE + 1}
    with connection.cursor() as cursor:
        cursor.execute(
            f"{sql} AND {comparison} ORDER BY {lead}.subscriber_id {direction} LIMIT %(limit)s", values
        )
        rows = [Person(*row) for row in cursor.fetchall()]
    more, rows = len(rows) > PAGE, rows[:PAGE]
    if backwards:
        rows.reverse()
    has_next, has_previous = (True, more) if backwards else (more, after > 0)
    return Page(
        rows,
        next_after=rows[-1].subscriber_id if rows and has_next else 0,
        previous_before=rows[0].subscriber_id if rows and has_previous else 0,
    )


def stream(scope: Run | Sequence[Run], choice: Choice) -> Iterator[Person]:
    """Return all of them by a server-side cursor: memory stays flat."""
    sql, values = _query(scope, choice)
    lead = GROUPS[choice.who].side
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(f"{sql} ORDER BY {lead}.subscriber_id", values)
        for row in cursor:
            yield Person(*row)


def count(scope: Run | Sequence[Run], choice: Choice) -> int:
    """Return how many there are."""
    sql, values = _query(scope, choice)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM ({sql}) AS people", values)  # noqa: S608 - what `_query` made
        row = cursor.fetchone()
    return int(row[0]) if row else 0


def _query(scope: Run | Sequence[Run], choice: Choice) -> tuple[str, dict[str, Any]]:
    group = GROUPS[choice.who]
    several = scope_of(scope)
    values: dict[str, Any] = {"runs": [run.pk for run in several]}
    rules = [f"{group.side}.run_id = ANY(%(runs)s)", f"({group.rule})", *_filters(group.side, choice, values)]
    if len(several) > 1 and group.side == "d":
        if choice.who == "audience":
            values["runs"] = [run.pk for run in several if run.purpose == RunPurpose.LAUNCH]
        elif choice.who == "failed":
            rules.append(_TRIED_AGAIN)
        elif choice.who == "skipped":
            rules.append(f"d.reason <> '{failed.ACCEPTED_BEFORE}'")
    lead, other = ("d", "o") if group.side == "d" else ("o", "d")
    names = {"d": "campaigns_delivery", "o": "events_outcome"}
    on = "d.run_id = o.run_id AND d.subscriber_id = o.subscriber_id"
    columns = (
        f"{lead}.subscriber_id, s.public_id, coalesce(s.email, ''), coalesce(s.name, ''), "
        f"coalesce(d.state, 'accepted'), coalesce(nullif(o.reason, ''), d.reason, ''), {group.when}"
    )
    tables = (
        f"{names[lead]} {lead} LEFT JOIN {names[other]} {other} ON {on} "
        f"LEFT JOIN subscribers_subscriber s ON s.id = {lead}.subscriber_id"
    )
    if choice.segment_id:
        tables += f" JOIN subscribers_profile p ON p.subscriber_id = {lead}.subscriber_id"
    sql = f"SELECT {columns} FROM {tables} WHERE {' AND '.join(rules)}"  # noqa: S608 - our own parts, and parameters
    return sql, values


def _filters(side: str, choice: Choice, values: dict[str, Any]) -> list[str]:
    """Return the conditions of what narrows a group, and put what was chosen into `values`."""
    rules = []
    if choice.has_reason:
        values["reason"] = choice.reason
        rules.append(f"{side}.reason = %(reason)s")
    if choice.link_id:
        values["link"] = choice.link_id
        rules.append(_LINK.format(t=side))
    if choice.provider is not None:
        values["provider"] = choice.provider
        rules.append("o.provider = %(provider)s")
    if choice.list_id:
        values["list"] = choice.list_id
        rules.append(
            "EXISTS (SELECT FROM subscribers_subscription x WHERE x.mailing_list_id = %(list)s"
            f" AND x.subscriber_id = {side}.subscriber_id)"
        )
    if choice.device is not None:
        values["device"] = choice.device
        rule = "NOT e.is_machine AND coalesce(e.detail->>'agent', '') = %(device)s"
        rules.append(_HIT.format(t=side, rule=rule))
    if choice.machine:
        values["machine"] = choice.machine
        rules.append(_HIT.format(t=side, rule="e.is_machine AND e.machine_reason = %(machine)s"))
    if choice.segment_id:
        rules.append(_in_segment(choice.segment_id, values))
    return rules


def _in_segment(segment_id: int, values: dict[str, Any]) -> str:
    segment = Segment.objects.filter(pk=segment_id).first()
    if segment is None:
        return "false"
    condition = segments.compile_tree(segment.rules)
    names = [f"segment_{number}" for number in range(len(condition.params))]
    values.update(zip(names, condition.params, strict=True))
    places = iter(names)
    return f"({re.sub('%s', lambda _: f'%({next(places)})s', condition.sql)})"
