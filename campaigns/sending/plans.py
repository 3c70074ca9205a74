"""What a drain knows of its run, and the query that decides about its people."""

from dataclasses import dataclass, field
from typing import Final

from subscribers.selectors import eligibility

from .. import entries
from ..models import Run, TemplateVersion

# Left-joined from the array: somebody erased since the freeze still gets a row. Each OFFSET 0 makes the
# planner look up person by person, by index, whatever it believes of the tables' sizes. The second name
# stands in for the table of that name, narrowed to these people: the rule asks it several times.
_PEOPLE: Final = """
WITH wanted AS MATERIALIZED (
    SELECT a.id AS wanted_id, a.position, s.*
    FROM unnest(%(ids)s::bigint[]) WITH ORDINALITY a(id, position)
    LEFT JOIN LATERAL (SELECT * FROM subscribers_subscriber x WHERE x.id = a.id OFFSET 0) s ON true
),
subscribers_suppression AS MATERIALIZED (
    SELECT x.* FROM wanted CROSS JOIN LATERAL (
        SELECT y.email_key, y.reason, y.lifted_at FROM subscribers_suppression y
        WHERE y.email_key = wanted.email_key AND y.lifted_at IS NULL OFFSET 0
    ) x
)
SELECT s.wanted_id, s.public_id, s.email, s.name, s.language, s.fields, p.opens_allowed, p.clicks_allowed,
    CASE WHEN s.id IS NULL AND EXISTS (SELECT FROM subscribers_personmerge g WHERE g.old_id = s.wanted_id)
        THEN 'merged' ELSE {reason} END, {left_list}, d.known
FROM wanted s
LEFT JOIN LATERAL (
    SELECT * FROM subscribers_profile x WHERE x.subscriber_id = s.wanted_id OFFSET 0
) p ON true
LEFT JOIN LATERAL (
    SELECT CASE WHEN x.state = 'unresolved' AND x.reason = 'resend' THEN 'resend' ELSE 'done' END AS known
    FROM campaigns_delivery x
    WHERE x.run_id = %(run)s AND x.subscriber_id = s.wanted_id OFFSET 0
) d ON true
LEFT JOIN LATERAL (
    SELECT bool_or(m.state = 'confirmed') AS confirmed, bool_or(m.state = 'unsubscribed') AS gone
    FROM subscribers_subscription m
    WHERE m.subscriber_id = s.wanted_id AND m.mailing_list_id = ANY(%(lists)s::bigint[])
) l ON true
ORDER BY s.position
"""
# Chosen by lists alone: still confirmed on one of them. With segments: did not leave the lists it was sent
# to.
_LEFT_ALL_LISTS: Final = "l.confirmed IS NOT TRUE"
_LEFT_A_LIST: Final = "(l.gone IS TRUE AND l.confirmed IS NOT TRUE)"


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
    run: Run
    # By template version: a batch names its own (its people's language), and most runs have but one.
    contexts: dict[int, entries.RunContext] = field(default_factory=dict)

    @classmethod
    def load(cls, run: Run, set_prefix: str) -> "Plan":
        """From a run with its campaign and version. Raises InvalidHeader."""
        frozen = run.frozen
        plan = cls(
            run_id=run.pk,
            kind=frozen["kind"],
            list_ids=list(frozen["list_ids"]),
            segment_chosen=bool(frozen["segment_chosen"]),
            track_opens=bool(frozen["track_opens"]),
            track_clicks=bool(frozen["track_clicks"]),
            set_prefix=set_prefix,
            run=run,
        )
        plan.context_for(run.template_version_id)
        return plan

    def context_for(self, version_id: int) -> entries.RunContext:
        """What the entries of batches with this template version share; read from the database once."""
        found = self.contexts.get(version_id)
        if found is None:
            is_own = version_id == self.run.template_version_id
            version = self.run.template_version if is_own else TemplateVersion.objects.get(pk=version_id)
            found = self.contexts[version_id] = entries.RunContext.load(self.run, version)
        return found

    @property
    def people_sql(self) -> str:
        """The query that decides who may be mailed."""
        left = _LEFT_A_LIST if self.segment_chosen or not self.list_ids else _LEFT_ALL_LISTS
        return _PEOPLE.format(reason=eligibility.reason_sql(self.kind), left_list=left)


def configuration_set(prefix: str, *, opens: bool, clicks: bool) -> str:
    """The configuration set that tracks exactly this."""
    names = {(False, False): "none", (True, False): "opens", (False, True): "clicks", (True, True): "both"}
    return f"{prefix}-{names[opens, clicks]}"
