"""The people behind a kept number of a report (`ReportGroup`), as a condition of segments.

The rules are those of `selectors.people`, word for word; what is narrowed comes from the kept row. Each `%s` is the
row's id. Whoever withdrew the consent by which they were counted is in it no more.
"""

from typing import Final

from .people import GROUPS

_OPENS: Final = ("opened", "machine_opened", "not_opened", "trackable_opens")
_CLICKS: Final = ("clicked", "machine_clicked", "not_clicked", "trackable_clicks")
_EITHER: Final = ("engaged", "machine")
_KEPT: Final = "SELECT g.* FROM events_reportgroup g WHERE g.id = %s::bigint"


def _any_of(names: tuple[str, ...]) -> str:
    return "g.who IN (" + ", ".join(f"'{name}'" for name in names) + ")"


_WHO: Final = " ".join(f"WHEN '{name}' THEN {group.rule}" for name, group in GROUPS.items())
_OF_DELIVERIES: Final = tuple(name for name, group in GROUPS.items() if group.side == "d")
_HIT: Final = (
    "EXISTS (SELECT FROM events_event e WHERE e.run_id = d.run_id AND e.subscriber_id = d.subscriber_id"
    " AND e.type IN ('open', 'click') AND {rule})"
)
_RUNS: Final = (
    "ARRAY(SELECT r.id FROM campaigns_run r JOIN events_reportgroup own ON own.campaign_id = r.campaign_id"
    " WHERE own.id = %s::bigint AND r.number = CASE WHEN own.run_number = 0 THEN r.number ELSE own.run_number END"
    " AND (own.who <> 'audience' OR own.run_number > 0 OR r.purpose = 'launch'))"
)
_TRIED_AGAIN: Final = (
    "EXISTS (SELECT FROM campaigns_run t JOIN campaigns_delivery again ON again.run_id = t.id"
    " WHERE t.source_run_id = d.run_id AND again.subscriber_id = d.subscriber_id)"
)
_COUNTED: Final = f"""EXISTS (
    SELECT FROM campaigns_delivery d
    LEFT JOIN events_outcome o ON o.run_id = d.run_id AND o.subscriber_id = d.subscriber_id
    CROSS JOIN ({_KEPT}) g
    WHERE d.run_id = ANY({_RUNS}) AND d.subscriber_id = p.subscriber_id
      AND CASE g.who {_WHO} ELSE false END
      AND (g.who <> 'failed' OR g.run_number > 0 OR NOT {_TRIED_AGAIN})
      AND (g.reason IS NULL OR g.reason = CASE WHEN {_any_of(_OF_DELIVERIES)} THEN d.reason ELSE o.reason END)
      AND (g.provider IS NULL OR g.provider = o.provider)
      AND (g.mailing_list_id = 0 OR EXISTS (SELECT FROM subscribers_subscription x
           WHERE x.mailing_list_id = g.mailing_list_id AND x.subscriber_id = d.subscriber_id))
      AND (g.link = '' OR EXISTS (SELECT FROM events_event e JOIN events_link l ON l.id = e.link_id
           WHERE e.run_id = d.run_id AND e.subscriber_id = d.subscriber_id AND e.type = 'click' AND NOT e.is_machine
             AND l.url = g.link))
      AND (g.device IS NULL OR {_HIT.format(rule="NOT e.is_machine AND coalesce(e.detail->>'agent', '') = g.device")})
      AND (g.machine = '' OR {_HIT.format(rule="e.is_machine AND e.machine_reason = g.machine")})
)"""  # noqa: S608 (put together from constants here and in `people.GROUPS`; the id is a parameter)
KNOWN: Final = f"""(SELECT CASE
    WHEN {_any_of(_OPENS)} THEN p.opens_allowed
    WHEN {_any_of(_CLICKS)} THEN p.clicks_allowed
    WHEN {_any_of(_EITHER)} THEN p.opens_allowed OR p.clicks_allowed ELSE true END
    FROM events_reportgroup g WHERE g.id = %s::bigint)"""  # noqa: S608 (put together from the constants above; the id is a parameter)
CONDITION: Final = f"{KNOWN} AND {_COUNTED}"
