"""What a drain knows of its run, and the query that decides about its people."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mailplatform.accounts.models import Carrier
from subscribers.selectors import eligibility

from .. import entries, entry_writer
from ..models import Run, TemplateVersion
from ..selectors import failed
from . import rows, smtp

# Left-joined from the array: somebody erased since the freeze still gets a row. The cut allows nested loops only, so
# that people are looked up one by one, by index, whatever the planner believes of the tables' sizes; each OFFSET 0
# keeps it from reading a whole run or list for each of them instead. The CTE stands in for the table of that name,
# narrowed to these people: the rule asks it several times.
_PEOPLE: Final = """
WITH subscribers_suppression AS MATERIALIZED (
    SELECT y.email_key, y.reason, y.lifted_at FROM subscribers_suppression y
    WHERE y.lifted_at IS NULL AND y.email_key = ANY(ARRAY(
        SELECT x.email_key FROM unnest(%(ids)s::bigint[]) u(id) CROSS JOIN LATERAL (
            SELECT z.email_key FROM subscribers_subscriber z WHERE z.id = u.id OFFSET 0) x))
)
SELECT a.id, s.email, s.name, s.language, {fields}, p.opens_allowed, p.clicks_allowed,
    CASE {tried_before}WHEN s.id IS NULL AND EXISTS (
        SELECT FROM subscribers_personmerge g WHERE g.old_id = a.id OFFSET 0
    ) THEN 'merged' ELSE {reason} END, {left_list},
    CASE WHEN d.state = 'unresolved' AND d.reason = 'resend' THEN 'resend' WHEN d.state <> '' THEN 'done' END,
    coalesce(p.mail_gap_days, 0) > 0
FROM unnest(%(ids)s::bigint[]) a(id)
LEFT JOIN LATERAL (SELECT x.* FROM subscribers_subscriber x WHERE x.id = a.id OFFSET 0) s ON true
LEFT JOIN LATERAL (SELECT x.* FROM subscribers_profile x WHERE x.subscriber_id = a.id OFFSET 0) p ON true
LEFT JOIN LATERAL (
    SELECT x.state, x.reason FROM campaigns_delivery x
    WHERE x.run_id = %(run)s AND x.subscriber_id = a.id OFFSET 0
) d ON true
"""
# Asked of a run that tries again: an event may tell later that somebody who was counted as failed has the mail.
_TRIED_BEFORE: Final = f"""WHEN EXISTS (
    SELECT FROM unnest(%(earlier)s::bigint[]) e(id) CROSS JOIN LATERAL (
        SELECT FROM campaigns_delivery x
        WHERE x.run_id = e.id AND x.subscriber_id = a.id AND x.state <> 'failed' OFFSET 0) y
) THEN '{failed.ACCEPTED_BEFORE}' """  # noqa: S608 - made of our own constants; every value is a parameter
# Chosen by lists alone: still confirmed on one of them. With segments: did not leave the lists it was sent
# to.
_ON_THEM: Final = (
    "EXISTS (SELECT FROM subscribers_subscription m WHERE m.subscriber_id = a.id"
    " AND m.mailing_list_id = ANY(%(lists)s::bigint[]) AND m.state = '{state}' OFFSET 0)"
)
_LEFT_ALL_LISTS: Final = "NOT " + _ON_THEM.format(state="confirmed")
_LEFT_A_LIST: Final = f"({_ON_THEM.format(state='unsubscribed')} AND {_LEFT_ALL_LISTS})"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a drain needs to know of its run, read once."""

    run_id: int
    kind: eligibility.Kind
    list_ids: list[int]
    segment_chosen: bool
    track_opens: bool
    track_clicks: bool
    set_prefix: str
    # Whether we count by ourselves: through our own links and pixel, hence never through Amazon's.
    is_own: bool
    run: Run
    # The runs whose failed people this one tries again, the nearest first.
    earlier: list[int] = field(default_factory=list)
    # By template version: a batch names its own (its people's language), and most runs have but one.
    writers: dict[int, entry_writer.EntryWriter] = field(default_factory=dict)

    @classmethod
    def load(cls, run: Run, set_prefix: str) -> "Plan":
        """From a run with its campaign and version. Raises InvalidHeader, AttachmentMissing."""
        frozen = run.frozen
        is_own = frozen.get("carrier") == Carrier.OWN
        is_counted = is_own or smtp.server() is None  # through SMTP nobody counts for us
        plan = cls(
            run_id=run.pk,
            kind=frozen["kind"],
            list_ids=list(frozen["list_ids"]),
            segment_chosen=bool(frozen["segment_chosen"]),
            track_opens=bool(frozen["track_opens"]) and is_counted,
            track_clicks=bool(frozen["track_clicks"]) and is_counted,
            set_prefix=set_prefix,
            is_own=is_own,
            run=run,
            earlier=failed.earlier_runs(run),
        )
        plan.writer_for(run.template_version_id)
        return plan

    def writer_for(self, version_id: int) -> entry_writer.EntryWriter:
        """What writes the entries of batches with this template version; read from the database once."""
        found = self.writers.get(version_id)
        if found is None:
            is_own = version_id == self.run.template_version_id
            version = self.run.template_version if is_own else TemplateVersion.objects.get(pk=version_id)
            found = entry_writer.EntryWriter(entries.RunContext.load(self.run, version))
            self.writers[version_id] = found
        return found

    def set_for(self, *, opens: bool, clicks: bool) -> str:
        """The configuration set for people of whom this may be counted: one that adds nothing where we count."""
        return configuration_set(
            self.set_prefix, opens=opens and not self.is_own, clicks=clicks and not self.is_own
        )

    def people_sql(self, version_id: int) -> str:
        """The query that decides who may be mailed; it reads people's fields where the template asks for them."""
        left = _LEFT_A_LIST if self.segment_chosen or not self.list_ids else _LEFT_ALL_LISTS
        fields = "s.fields::text" if self.writer_for(version_id).needs_fields else "NULL"
        tried_before = _TRIED_BEFORE if self.earlier else ""
        reason = eligibility.reason_sql(self.kind)
        return _PEOPLE.format(reason=reason, left_list=left, fields=fields, tried_before=tried_before)

    def people_values(self, ids: Sequence[int]) -> dict[str, Any]:
        """What `people_sql` asks of these people with."""
        return {
            "ids": rows.array(ids),
            "run": self.run_id,
            "lists": self.list_ids,
            "earlier": self.earlier,
        }


def configuration_set(prefix: str, *, opens: bool, clicks: bool) -> str:
    """The configuration set that tracks exactly this."""
    names = {(False, False): "none", (True, False): "opens", (False, True): "clicks", (True, True): "both"}
    return f"{prefix}-{names[opens, clicks]}"
