"""Machines are not people: which opens and clicks were made by a proxy or a scanner, and why we think so. Pure.

`RULES` is the one table. A rule judges either at once, by what the program says of itself, or later, by the company
that a hit keeps among the other hits of the same person and run. The first rule that applies gives the reason, a
short stable word. Unsubscribes are never asked about: whoever leaves has left.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import islice, takewhile
from typing import Final

from campaigns import honeypot

from .kinds import Kind

BURST: Final = timedelta(seconds=2)
BURST_LINKS: Final = 2
SOON: Final = timedelta(seconds=1)  # what two clocks may differ
AFTER_HEAD: Final = timedelta(seconds=10)
AROUND_TRAP: Final = timedelta(minutes=1)
TRAP_PATH: Final = honeypot.PATH

OPENS: Final = frozenset({Kind.OPEN})
CLICKS: Final = frozenset({Kind.CLICK})
BOTH: Final = OPENS | CLICKS


@dataclass(frozen=True, slots=True)
class Seen:
    """An open or click of one person in one run, as stored. `agent` is its class, `reason` what is known already."""

    key: int
    kind: Kind
    at: datetime
    link: str
    agent: str = ""
    is_trap: bool = False
    reason: str = ""


Company = Callable[[Sequence[Seen], datetime | None], set[int]]


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the table: `agent` and `method` judge at once, `company` later."""

    reason: str
    words: str
    kinds: frozenset[Kind]
    agent: Callable[[str], bool] | None = None
    method: str = ""
    company: Company | None = None


def _says(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda agent: compiled.search(agent) is not None


def _is_nameless(agent: str) -> bool:
    """Apple's proxy says exactly this and nothing more; no browser does."""
    return agent.lower() in {"mozilla/5.0", "mozilla"}


def _before_delivery(hits: Sequence[Seen], delivered_at: datetime | None) -> set[int]:
    return {hit.key for hit in hits if delivered_at is not None and hit.at < delivered_at - SOON}


def _near_trap(hits: Sequence[Seen], _: datetime | None) -> set[int]:
    traps = [hit for hit in hits if hit.is_trap]
    return {
        hit.key
        for hit in hits
        for trap in traps
        if hit.key == trap.key or (hit.agent == trap.agent and abs(hit.at - trap.at) <= AROUND_TRAP)
    }


def _after_head(hits: Sequence[Seen], _: datetime | None) -> set[int]:
    asked = [hit for hit in hits if hit.reason == "head"]
    return {
        hit.key
        for hit in hits
        for head in asked
        if hit.link == head.link and timedelta(0) <= hit.at - head.at <= AFTER_HEAD
    }


def _all_links(hits: Sequence[Seen], _: datetime | None) -> set[int]:
    clicks = [hit for hit in hits if hit.kind is Kind.CLICK]
    found: set[int] = set()
    for index, first in enumerate(clicks):
        together = _within_burst(islice(clicks, index, None), first.at)
        if len({hit.link for hit in together}) >= BURST_LINKS:
            found |= {hit.key for hit in together}
    return found


def _within_burst(hits: Iterable[Seen], start: datetime) -> list[Seen]:
    return list(takewhile(lambda hit: hit.at - start <= BURST, hits))


def _beside_burst(hits: Sequence[Seen], _: datetime | None) -> set[int]:
    burst = _all_links(hits, None)
    clicks = [hit for hit in hits if hit.key in burst]
    return {
        hit.key
        for hit in hits
        for click in clicks
        if hit.kind is Kind.OPEN and hit.agent == click.agent and abs(hit.at - click.at) <= BURST
    }


# fmt: off
RULES: Final[tuple[Rule, ...]] = (
    Rule("head", "It asked for the head of a page only", BOTH, method="HEAD"),
    Rule("no_agent", "No browser said what it was", BOTH, agent=lambda agent: not agent),
    Rule("apple_privacy", "Apple Mail Privacy Protection loads pictures by itself", OPENS, agent=_is_nameless),
    Rule("google_proxy", "Google's image proxy fetched the picture", BOTH, agent=_says(r"googleimageproxy|ggpht\.com")),
    Rule("yahoo_proxy", "Yahoo's image proxy fetched the picture", BOTH,
         agent=_says(r"yahoomailproxy|yahoo ?pipes|yahoocachesystem")),
    Rule("scanner", "A security scanner checked the mail", BOTH, agent=_says(
        r"barracuda|mimecast|proofpoint|safelinks|ironport|symantec|messagelabs|trendmicro|sophos|fireeye|forcepoint|"
        r"fortimail|cloudmark|zscaler|checkpoint|microsoft office existence discovery|bingpreview|urldefense|avanan|"
        r"vade ?secure|hornetsecurity|retarus|cisco.*(?:ces|esa)|kaspersky|\beset\b|bitdefender")),
    Rule("preview_bot", "A chat or search service looked at the link", BOTH, agent=_says(
        r"slackbot|telegrambot|whatsapp|facebookexternalhit|twitterbot|linkedinbot|discordbot|skypeuripreview|"
        r"googlebot|bingbot|applebot|duckduckbot|yandex(?:bot|images)|baiduspider|pinterestbot|embedly")),
    Rule("data_centre", "It came from a data centre, not from a reader's device", BOTH,
         agent=_says(r"amazon-route53|\baws-|amazon cloudfront|googlecloud|google-cloud|azure|googlehc|uptimerobot")),
    Rule("script", "A program, not a browser", BOTH, agent=_says(
        r"^(?:curl|wget|python|java|go-http|okhttp|apache-httpclient|libwww|ruby|php|node|axios|perl|scrapy|httpx|"
        r"aiohttp|postman|insomnia|winhttp|guzzle)|headlesschrome|phantomjs|selenium|puppeteer|playwright|\bbot\b|"
        r"crawler|spider|\bscan(?:ner)?\b|monitor(?:ing)?\b")),
    Rule("script", "A program, not a browser", CLICKS, agent=_is_nameless),
    Rule("before_delivery", "It came before the mail was delivered", BOTH, company=_before_delivery),
    Rule("honeypot", "A link that no reader can see was followed", BOTH, company=_near_trap),
    Rule("after_head", "The same link had been probed a moment before", CLICKS, company=_after_head),
    Rule("all_links", "Several links were followed within two seconds", CLICKS, company=_all_links),
    Rule("with_scan", "Opened in the very moment in which several links were followed", OPENS, company=_beside_burst),
)
# fmt: on
EXPLANATIONS: Final = {rule.reason: rule.words for rule in RULES}


@lru_cache(maxsize=2_048)
def by_user_agent(kind: Kind, user_agent: str, method: str = "GET") -> str:
    """Return the reason why this hit was a machine's, or '' for what looks like a person."""
    agent = user_agent.strip()
    for rule in RULES:
        if kind not in rule.kinds:
            continue
        if rule.method and rule.method == method.upper():
            return rule.reason
        if rule.agent is not None and rule.agent(agent):
            return rule.reason
    return ""


def by_pattern(hits: Iterable[Seen], delivered_at: datetime | None) -> dict[int, str]:
    """Return key -> reason for the hits of one person in one run that only their company gives away."""
    ordered = sorted(hits, key=lambda hit: (hit.at, hit.key))
    kinds = {hit.key: hit.kind for hit in ordered}
    found: dict[int, str] = {}
    for rule in RULES:
        if rule.company is not None:
            for key in sorted(rule.company(ordered, delivered_at)):
                if kinds[key] in rule.kinds:
                    found.setdefault(key, rule.reason)
    return found


def is_trap(address: str) -> bool:
    """Tell whether a link leads to our own page that no reader can see a link to."""
    return address.partition("?")[0].endswith(TRAP_PATH)


def agent_class(user_agent: str) -> str:
    """Return 'mobile', 'tablet', 'desktop' or 'other': the only thing about a device that we keep."""
    agent = user_agent.lower()
    if "ipad" in agent or "tablet" in agent or ("android" in agent and "mobile" not in agent):
        return "tablet"
    if "iphone" in agent or "mobile" in agent or "android" in agent:
        return "mobile"
    return (
        "desktop"
        if any(name in agent for name in ("windows", "macintosh", "x11", "linux", "cros"))
        else "other"
    )
