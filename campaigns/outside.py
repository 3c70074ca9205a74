"""What can only be seen from outside: whether a mail's links answer, whether the sender's domain has a DMARC policy.

Strangers' servers are slow, so the review asks for it (`services.outside_checks`) and goes on; a worker looks, with
bounds on number and time, at public addresses alone (`mailplatform.core.outbound`), and the answers are kept for an
hour. Nothing depends on them: a launch does not wait, and where the cache or the network is away nothing is said.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Final

import structlog

from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.core import memo
from mailplatform.core.outbound import names, transport

from .models import Campaign
from .rendering.links import is_local
from .selectors.templates import Spoken, spoken_by

log = structlog.get_logger(__name__)

KEPT_S: Final = 3_600
# While a look is under way the page asks again, and nobody starts a second one.
LOOKS_S: Final = 45
MOST_LINKS: Final = 50
AT_ONCE: Final = 8
_HREF: Final = re.compile(r"href\s*=\s*[\"'](https://[^\"'{}\s]+)[\"']", re.IGNORECASE)
_URL: Final = re.compile(r"https://[^\"'{}\s<>]+", re.IGNORECASE)
_HEADERS: Final = {"User-Agent": "mailplatform (looks whether links of a mail answer)", "Accept": "*/*"}
# It answers, to people with a browser at least: a shop's guard against robots, a login, too many questions.
_ALIVE: Final = frozenset({401, 403, 405, 406, 407, 429, 451, 501})


def links_of(campaign: Campaign, spoken: Mapping[str, Spoken] | None = None) -> list[str]:
    """Return the links that can be looked at: full https addresses that are the same for everybody, each once.

    They are read from the sources as they stand, MJML or HTML, in every language, and from the campaign's own values.
    `spoken` is what it says in other languages, where that was read already.
    """
    if campaign.template is None:
        return []
    spoken = spoken_by(campaign) if spoken is None else spoken
    variants = [found.template.html for found in spoken.values()]
    found = [url for source in (campaign.template.html, *variants) for url in _HREF.findall(source)]
    found += [
        value for value in campaign.variables.values() if isinstance(value, str) and _URL.fullmatch(value)
    ]
    return list(dict.fromkeys(map(unescape, found)))[:MOST_LINKS]


def dead_links(campaign: Campaign, spoken: Mapping[str, Spoken] | None = None) -> list[tuple[str, str]]:
    """Return the links that did not answer when they were looked at in the last hour, each with what happened."""
    urls = links_of(campaign, spoken)
    known = memo.recall(map(_link_key, urls))
    return [(url, error) for url in urls if (error := known.get(_link_key(url), ""))]


def has_no_dmarc(address: str) -> bool:
    """Tell whether the domain of a sender is known to have no DMARC policy."""
    key = _domain_key(_domain(address))
    return bool(memo.recall([key]).get(key, "") == "none")


def is_looking(campaign: Campaign) -> bool:
    """Tell whether a look is under way, so that it is worth to ask again soon."""
    return bool(memo.recall([_look_key(campaign.pk)]))


def claim(campaign: Campaign, spoken: Mapping[str, Spoken], site: Installation) -> bool:
    """Tell whether something is not known yet and nobody looks at it; then it is the caller's to look."""
    wanted = [*map(_link_key, links_of(campaign, spoken)), *_sender_keys(campaign, site)]
    known = memo.recall(wanted)
    if all(key in known for key in wanted):
        return False
    return memo.claim(_look_key(campaign.pk), LOOKS_S)


def look(campaign: Campaign) -> None:
    """Look at every link and the sender's domain, unless it was done within the hour."""
    urls = links_of(campaign)
    known = memo.recall(map(_link_key, urls))
    new = [url for url in urls if _link_key(url) not in known]
    local = installation.is_sandbox()
    with ThreadPoolExecutor(AT_ONCE) as pool:
        errors = pool.map(lambda url: _error(url, allow_loopback=local), new)
        found = {_link_key(url): error for url, error in zip(new, errors, strict=True)}
    if campaign.sender is not None and not local:
        found |= _look_at_domain(_domain(campaign.sender.address))
    memo.keep(found, KEPT_S)
    memo.forget(_look_key(campaign.pk))


def _error(url: str, *, allow_loopback: bool) -> str:
    """Ask one link; '' for one that answers. A redirect is an answer, and is not followed."""
    if allow_loopback and not is_local(url):
        return ""  # nothing leaves a trial's machine
    return words_of(transport.look(url, _HEADERS, allow_loopback=allow_loopback))


def words_of(answer: transport.Answer) -> str:
    """Return what is wrong with a link that answered so, or ''."""
    if 200 <= answer.status < 400 or answer.status in _ALIVE:
        return ""
    return answer.error


def _look_at_domain(domain: str) -> dict[str, str]:
    """Return whether a domain or the one above it has a policy; nothing where nobody can say.

    https://datatracker.ietf.org/doc/html/rfc7489#section-6.6.3, but for the list of public suffixes: what is asked of
    a parent that nobody owns has no policy either.
    """
    parents = [".".join(domain.split(".")[start:]) for start in range(max(1, domain.count(".")))]
    try:
        has_policy = any(_policy(f"_dmarc.{name}") for name in (parents[0], parents[-1]))
    except names.Unanswered as error:
        log.info("outside_checks.no_dns", error=str(error))
        return {}
    return {_domain_key(domain): "some" if has_policy else "none"}


def _policy(name: str) -> bool:
    return any(text.lower().startswith("v=dmarc1") for text in names.look_up(name, "TXT"))


def _sender_keys(campaign: Campaign, site: Installation) -> Sequence[str]:
    if campaign.sender is None or installation.is_sandbox(site):
        return ()
    return (_domain_key(_domain(campaign.sender.address)),)


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _link_key(url: str) -> str:
    return f"outside:link:{hashlib.sha256(url.encode()).hexdigest()[:32]}"


def _domain_key(domain: str) -> str:
    return f"outside:dmarc:{domain}"


def _look_key(campaign_id: int) -> str:
    return f"outside:look:{campaign_id}"
