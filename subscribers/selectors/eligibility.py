"""May this person be mailed? This is the one place that decides it; everything else asks here.

Read `RULES` from top to bottom: the first one that applies keeps the mail back, and its code stands on the
`skipped` row. Nobody is mailed by silence: without a profile, without a basis, without a row, the answer is
no.

Each rule stands here twice, side by side: as SQL, which counts audiences, freezes them and cuts calls by the
million, and as Python, the oracle that the tests hold against it.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from mailplatform.core import clock

from . import mailed

Kind = Literal["marketing", "contract", "service"]
EVERY: Final[frozenset[str]] = frozenset({"marketing", "contract", "service"})
MARKETING: Final[frozenset[str]] = frozenset({"marketing"})
# The same weekly newsletter never comes exactly a week after the one before: so much earlier is no "too soon".
GRACE: Final = dt.timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the decision rests on. `suppressions` are the live reasons; bases and gap as on `Profile`.

    `last_marketing_at` is when a marketing mail to them was last accepted, or may have been.
    """

    exists: bool = True
    suppressions: frozenset[str] = field(default_factory=frozenset)
    domain_blocked: bool = False
    marketing_basis: str | None = None
    contract_basis: bool = False
    service_basis: bool = False
    paused_until: dt.datetime | None = None
    mail_gap_days: int | None = None
    last_marketing_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason not to mail somebody. In `sql`, {s} and {p} are the aliases of subscriber and profile.

    {now} is the time, and {mailed} whether a marketing mail went to {s} within the gap that {p} names. `among` is the
    query of the few ids that a rule can apply to which asks for more than the profile.
    """

    code: str
    words: str
    kinds: frozenset[str]
    sql: str
    holds: Callable[[Facts, dt.datetime], bool]
    among: str = ""


_SUPPRESSED = (
    "SELECT k.id FROM subscribers_suppression x JOIN subscribers_subscriber k ON k.email_key = x.email_key"
    " WHERE x.lifted_at IS NULL"
)
# Without a blocked domain nobody is looked at.
_AT_BLOCKED_DOMAIN = (
    "SELECT k.id FROM subscribers_subscriber k"
    " WHERE EXISTS (SELECT FROM subscribers_blockeddomain d WHERE d.lifted_at IS NULL)"
    " AND split_part(k.email, '@', 2) IN"
    " (SELECT d.domain FROM subscribers_blockeddomain d WHERE d.lifted_at IS NULL)"
)
_WITH_GAP = "SELECT k.subscriber_id FROM subscribers_profile k WHERE k.mail_gap_days > 0"


def _suppressed(reason: str) -> str:
    """EXISTS lets the planner choose between one hash of all suppressions and a look-up per person."""
    return (
        "EXISTS (SELECT FROM subscribers_suppression x WHERE x.email_key = {s}.email_key"
        f" AND x.reason = '{reason}' AND x.lifted_at IS NULL)"
    )


# fmt: off
RULES: Final[tuple[Rule, ...]] = (
    Rule("erased", "Erased", EVERY,
         "{s}.id IS NULL OR " + _suppressed("erased"),
         lambda facts, _: not facts.exists or "erased" in facts.suppressions, _SUPPRESSED),
    Rule("merged", "Merged with another person", EVERY,
         _suppressed("merged"),
         lambda facts, _: "merged" in facts.suppressions, _SUPPRESSED),
    # GDPR Art. 18: stored, and nothing else.
    Rule("restricted", "Asked for restriction", EVERY,
         _suppressed("restricted"),
         lambda facts, _: "restricted" in facts.suppressions, _SUPPRESSED),
    Rule("bounced", "The address does not exist (hard bounce)", EVERY,
         _suppressed("bounce"),
         lambda facts, _: "bounce" in facts.suppressions, _SUPPRESSED),
    Rule("complained", "Complained about our mail", EVERY,
         _suppressed("complaint"),
         lambda facts, _: "complaint" in facts.suppressions, _SUPPRESSED),
    Rule("unsubscribed", "Unsubscribed from all marketing mail", MARKETING,
         _suppressed("unsubscribe"),
         lambda facts, _: "unsubscribe" in facts.suppressions, _SUPPRESSED),
    # Other mail still goes out: its delivery shows that the address answers again.
    Rule("unreachable", "Could not be reached several times (soft bounces)", MARKETING,
         _suppressed("unreachable"),
         lambda facts, _: "unreachable" in facts.suppressions, _SUPPRESSED),
    Rule("inactive", "Did not react for a long time, and not when asked", MARKETING,
         _suppressed("inactive"),
         lambda facts, _: "inactive" in facts.suppressions, _SUPPRESSED),
    Rule("blocked", "Blocked by hand", EVERY,
         _suppressed("manual"),
         lambda facts, _: "manual" in facts.suppressions, _SUPPRESSED),
    Rule("blocked", "The domain is blocked by hand", EVERY,
         "EXISTS (SELECT FROM subscribers_blockeddomain d"
         " WHERE d.domain = split_part({s}.email, '@', 2) AND d.lifted_at IS NULL)",
         lambda facts, _: facts.domain_blocked, _AT_BLOCKED_DOMAIN),
    Rule("no_basis", "No consent or other basis for marketing mail", MARKETING,
         "coalesce({p}.marketing_basis, 'none') NOT IN ('consent', 'soft_opt_in', 'withdrawn')",
         lambda facts, _: facts.marketing_basis not in {"consent", "soft_opt_in", "withdrawn"}),
    Rule("no_basis", "No contract", frozenset({"contract"}),
         "NOT coalesce({p}.contract_basis, false)",
         lambda facts, _: not facts.contract_basis),
    Rule("no_basis", "Neither a contract nor a legitimate interest", frozenset({"service"}),
         "NOT (coalesce({p}.contract_basis, false) OR coalesce({p}.service_basis, false))",
         lambda facts, _: not (facts.contract_basis or facts.service_basis)),
    Rule("withdrawn", "Withdrew the consent to marketing mail", MARKETING,
         "{p}.marketing_basis = 'withdrawn'",
         lambda facts, _: facts.marketing_basis == "withdrawn"),
    Rule("paused", "Asked for a pause", MARKETING,
         "{p}.paused_until > {now}",
         lambda facts, now: facts.paused_until is not None and facts.paused_until > now),
    Rule("too_soon", "Wants less mail, and got one a short time ago", MARKETING,
         "{p}.mail_gap_days > 0 AND {mailed}",
         lambda facts, now: bool(facts.mail_gap_days and facts.last_marketing_at is not None
             and facts.last_marketing_at > now - dt.timedelta(days=facts.mail_gap_days) + GRACE), _WITH_GAP),
)
# fmt: on

REASONS: Final[dict[str, str]] = {
    "erased": "Erased",
    "merged": "Merged with another person",
    "restricted": "Asked for restriction (GDPR Art. 18)",
    "bounced": "The address does not exist (hard bounce)",
    "complained": "Complained about our mail",
    "unsubscribed": "Unsubscribed",
    "unreachable": "Could not be reached several times (soft bounces)",
    "inactive": "Did not react for a long time, and not when asked",
    "blocked": "Blocked by hand",
    "no_basis": "No consent or other legal basis",
    "withdrawn": "Withdrew the consent to marketing mail",
    "paused": "Asked for a pause",
    "too_soon": "Wants less mail, and got one a short time ago",
    "left_list": "Left the list",
    "cancelled": "The campaign was cancelled",
}


def reason_sql(
    kind: Kind, *, subscriber: str = "s", profile: str = "p", now: dt.datetime | None = None
) -> str:
    """Return the SQL expression that is '' for a person who may be mailed, else the reason's code.

    `subscriber` and `profile` are the aliases of both tables, either of which may be outer-joined. The
    expression holds the time but no parameters and no percent sign.
    """
    return _case(_conditions(kind, subscriber=subscriber, profile=profile, now=now))


def reason_of_many_sql(
    kind: Kind, *, subscriber: str = "s", profile: str = "p", kept: str = "k", now: dt.datetime | None = None
) -> str:
    """Return what `reason_sql` does, for millions: `subscriber` need only be joined to those whom `kept` names.

    `kept` is the alias of the outer-joined `kept_back_among_sql`, with a column `id`; for all others the profile
    decides.
    """
    found = list(_conditions(kind, subscriber=subscriber, profile=profile, now=now))
    by_profile = _case([(rule, condition) for rule, condition in found if not rule.among])
    return f"CASE WHEN {kept}.id IS NULL THEN {by_profile} ELSE {_case(found)} END"


def profile_allows_sql(kind: Kind, *, profile: str = "p", now: dt.datetime | None = None) -> str:
    """Return the SQL condition that nothing in the profile alone keeps the mail back; true or false, never NULL.

    With `kept_back_among_sql`, for counting millions: the profile decides for nearly all, and `reason_sql` need only
    be asked of the others.
    """
    found = _conditions(kind, subscriber="", profile=profile, now=now)
    return " AND ".join(f"({condition}) IS NOT TRUE" for rule, condition in found if not rule.among)


def kept_back_among_sql(kind: Kind) -> str:
    """Return the query of ids among which all are whom something else than their profile keeps back, and some others.

    Whoever has a profile but is no subscriber any more is not among them.
    """
    return " UNION ".join(dict.fromkeys(rule.among for rule in _rules(kind) if rule.among))


def _case(conditions: Iterable[tuple[Rule, str]]) -> str:
    cases = " ".join(f"WHEN {condition} THEN '{rule.code}'" for rule, condition in conditions)
    return f"CASE {cases} ELSE '' END"


def _conditions(
    kind: Kind, *, subscriber: str, profile: str, now: dt.datetime | None
) -> Iterator[tuple[Rule, str]]:
    """Yield the rules with their conditions in SQL."""
    moment = f"'{(now or clock.now()).astimezone(dt.UTC).isoformat()}'::timestamptz"
    since = f"{moment} - make_interval(days => {profile}.mail_gap_days, hours => -{GRACE // dt.timedelta(hours=1)})"
    recently = mailed.marketing_since_sql(subscriber=subscriber, since=since, now=moment)
    for rule in _rules(kind):
        yield rule, rule.sql.format(s=subscriber, p=profile, now=moment, mailed=recently)


def reason_for(kind: Kind, facts: Facts, *, now: dt.datetime | None = None) -> str:
    """Return '' for a person who may be mailed, else the code of the first rule that keeps the mail back."""
    moment = now or clock.now()
    return next((rule.code for rule in _rules(kind) if rule.holds(facts, moment)), "")


def _rules(kind: Kind) -> list[Rule]:
    if kind not in EVERY:
        raise ValueError(f"no such kind of mail: {kind!r}")
    return [rule for rule in RULES if kind in rule.kinds]
