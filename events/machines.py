"""Machines are not people: which opens and clicks were made by a proxy or a scanner, and why we think so. Pure.

Two kinds of rule. By user agent: known at once, when the event comes. By pattern: known later, from the person's other
events (`by_pattern`). A reason is a short stable word; `EXPLANATIONS` says it to people.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final

from .kinds import Kind

BURST: Final = timedelta(seconds=2)
BURST_LINKS: Final = 2
SOON: Final = timedelta(seconds=1)

EXPLANATIONS: Final = {
    "apple_privacy": "Apple Mail Privacy Protection loads pictures by itself",
    "google_proxy": "Google's image proxy fetched the picture",
    "yahoo_proxy": "Yahoo's image proxy fetched the picture",
    "scanner": "A security scanner checked the mail",
    "preview_bot": "A chat or search service looked at the link",
    "script": "A program, not a browser",
    "no_agent": "No browser said what it was",
    "before_delivery": "It came before the mail was delivered",
    "all_links": "Several links were followed within two seconds",
}

_SCANNERS: Final = (
    r"barracuda|mimecast|proofpoint|safelinks|ironport|symantec|messagelabs|trendmicro|sophos|fireeye|forcepoint|"
    r"fortimail|cloudmark|zscaler|checkpoint|microsoft office existence discovery|bingpreview|urldefense|avanan|"
    r"vade ?secure|hornetsecurity|retarus|cisco.*(?:ces|esa)|kaspersky|\beset\b|bitdefender"
)
_PREVIEWS: Final = (
    r"slackbot|telegrambot|whatsapp|facebookexternalhit|twitterbot|linkedinbot|discordbot|skypeuripreview|googlebot|"
    r"bingbot|applebot|duckduckbot|yandex(?:bot|images)|baiduspider|pinterestbot|embedly"
)
_SCRIPTS: Final = (
    r"^(?:curl|wget|python|java|go-http|okhttp|apache-httpclient|libwww|ruby|php|node|axios|perl|scrapy|httpx|aiohttp|"
    r"postman|insomnia|winhttp|guzzle)|headlesschrome|phantomjs|selenium|puppeteer|playwright|\bbot\b|crawler|spider|"
    r"\bscan(?:ner)?\b|monitor(?:ing)?\b|amazon-route53|aws-|googlecloud|azure"
)
_RULES: Final = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"googleimageproxy|ggpht\.com", "google_proxy"),
        (r"yahoomailproxy|yahoo ?pipes|yahoocachesystem", "yahoo_proxy"),
        (_SCANNERS, "scanner"),
        (_PREVIEWS, "preview_bot"),
        (_SCRIPTS, "script"),
    )
)
# Apple's proxy says exactly this and nothing more; no browser does.
_APPLE: Final = frozenset({"mozilla/5.0", "mozilla"})


@dataclass(frozen=True, slots=True)
class Seen:
    """An open or click of one person in one run, as stored."""

    key: int
    kind: Kind
    at: datetime
    link: str


@lru_cache(maxsize=2_048)
def by_user_agent(kind: Kind, user_agent: str, method: str = "GET") -> str:
    """Return the reason why this hit was a machine's, or '' for what looks like a person."""
    agent = user_agent.strip()
    if method.upper() == "HEAD":
        return "scanner"
    if not agent:
        return "no_agent"
    if agent.lower() in _APPLE:
        return "apple_privacy" if kind is Kind.OPEN else "script"
    for pattern, reason in _RULES:
        if pattern.search(agent):
            return reason
    return ""


def by_pattern(hits: Iterable[Seen], delivered_at: datetime | None) -> dict[int, str]:
    """Return key -> reason for the hits of one person in one run that only their company gives away.

    A hit before delivery (a second is allowed for clocks) was made on the way to the mailbox. Two or more different
    links within two seconds were followed by a program.
    """
    ordered = sorted(hits, key=lambda hit: (hit.at, hit.key))
    found = {
        hit.key: "before_delivery"
        for hit in ordered
        if delivered_at is not None and hit.at < delivered_at - SOON
    }
    clicks = [hit for hit in ordered if hit.kind is Kind.CLICK]
    for index, first in enumerate(clicks):
        together = [hit for hit in clicks[index:] if hit.at - first.at <= BURST]
        if len({hit.link for hit in together}) >= BURST_LINKS:
            for hit in together:
                found.setdefault(hit.key, "all_links")
    return found


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
