"""Every row of the table of rules, by an example that it catches and one that it must leave alone."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import pytest

from events import machines
from events.kinds import Kind

AT = datetime(2026, 10, 1, 12, tzinfo=UTC)
BROWSER = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/129.0.0.0 Safari/537.36"
)


class Agent(NamedTuple):
    """A rule that judges by what the program says: caught, and not caught by this rule."""

    kind: Kind
    caught: str
    left: str
    method: str = "GET"


class Company(NamedTuple):
    """A rule that judges by company: hits as (kind, second, link, more), delivery second, and who is caught."""

    hits: list[tuple[Kind, float, str, dict[str, object]]]
    caught: set[int]
    delivered: float | None = None


AGENTS = {
    0: Agent(Kind.CLICK, BROWSER, BROWSER, method="head"),
    1: Agent(Kind.OPEN, "  ", BROWSER),
    2: Agent(Kind.OPEN, "Mozilla/5.0", f"{BROWSER} Mozilla/5.0"),
    3: Agent(Kind.OPEN, "Mozilla/5.0 (via ggpht.com GoogleImageProxy)", f"{BROWSER} GoogleChrome"),
    4: Agent(Kind.OPEN, "YahooMailProxy; https://help.yahoo.com", "Yahoo! Mail for iPhone"),
    5: Agent(Kind.CLICK, "Mozilla/5.0 (compatible; Barracuda Sentinel (EE))", f"{BROWSER} Resetting/1"),
    6: Agent(Kind.CLICK, "Slackbot-LinkExpanding 1.0", f"{BROWSER} Slack/4.39"),
    7: Agent(Kind.CLICK, "Amazon-Route53-Health-Check-Service (ref 1)", f"{BROWSER} Silk-AWSome"),
    8: Agent(Kind.CLICK, "python-requests/2.32", "Mozilla/5.0 (X11; Linux; Pythonista) Gecko Firefox/128"),
    9: Agent(Kind.CLICK, "Mozilla/5.0", BROWSER),
}
Hits = list[tuple[Kind, float, str, dict[str, object]]]
FAST: Hits = [(Kind.CLICK, n * 0.5, f"l{n}", {}) for n in range(3)]
SLOW: Hits = [(Kind.CLICK, n * 9.0, f"l{n}", {}) for n in range(3)]
COMPANIES = {
    10: (Company([(Kind.OPEN, 0, "", {})], {0}, delivered=5), Company([(Kind.OPEN, 0, "", {})], set(), delivered=0.5)),
    11: (
        Company([(Kind.CLICK, 0, "trap", {"is_trap": True}), (Kind.CLICK, 20, "a", {})], {0, 1}),
        Company([(Kind.CLICK, 0, "a", {}), (Kind.CLICK, 20, "b", {})], set()),
    ),
    12: (
        Company([(Kind.CLICK, 0, "a", {"reason": "head"}), (Kind.CLICK, 4, "a", {})], {0, 1}),
        Company([(Kind.CLICK, 0, "a", {"reason": "head"}), (Kind.CLICK, 4, "b", {}), (Kind.CLICK, 60, "a", {})], {0}),
    ),
    13: (Company(FAST, {0, 1, 2}), Company(SLOW, set())),
    14: (
        Company([*FAST, (Kind.OPEN, 1.0, "", {})], {3}),
        Company([*FAST, (Kind.OPEN, 30.0, "", {}), (Kind.OPEN, 1.0, "", {"agent": "mobile"})], set()),
    ),
}  # fmt: skip


def hits_of(company: Company) -> list[machines.Seen]:
    return [
        machines.Seen(n, kind, AT + timedelta(seconds=at), link, **more)  # type: ignore[arg-type]
        for n, (kind, at, link, more) in enumerate(company.hits)
    ]


def test_every_row_has_its_examples() -> None:
    assert sorted([*AGENTS, *COMPANIES]) == list(range(len(machines.RULES)))
    for number, rule in enumerate(machines.RULES):
        assert (rule.company is not None) == (number in COMPANIES)
        assert rule.words
        assert rule.kinds <= machines.BOTH


@pytest.mark.parametrize("number", AGENTS)
def test_rule_by_agent(number: int) -> None:
    rule, example = machines.RULES[number], AGENTS[number]
    assert machines.by_user_agent(example.kind, example.caught, example.method) == rule.reason
    assert machines.by_user_agent(example.kind, example.left) != rule.reason
    for kind in machines.BOTH - rule.kinds:
        assert machines.by_user_agent(kind, example.caught, example.method) != rule.reason


@pytest.mark.parametrize("number", COMPANIES)
def test_rule_by_company(number: int) -> None:
    rule = machines.RULES[number]
    assert rule.company is not None
    for example in COMPANIES[number]:
        delivered = None if example.delivered is None else AT + timedelta(seconds=example.delivered)
        assert rule.company(hits_of(example), delivered) == example.caught
    caught = COMPANIES[number][0]
    delivered = None if caught.delivered is None else AT + timedelta(seconds=caught.delivered)
    assert rule.reason in machines.by_pattern(hits_of(caught), delivered).values()


def test_thousands_of_clicks_of_one_person_are_judged_in_no_time() -> None:
    hits = [machines.Seen(n, Kind.CLICK, AT + timedelta(seconds=n * 10), f"l{n}") for n in range(20_000)]
    assert machines.by_pattern(hits, None) == {}


def test_trap_is_known_by_its_address() -> None:
    assert machines.is_trap("https://mail.example.org/mp-trap/?utm_source=x")
    assert not machines.is_trap("https://shop.example/?next=/mp-trap/")
