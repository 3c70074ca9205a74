"""Simulated readers: people who open, click and leave, mail proxies that open, scanners that click all.

The same seed, address and subject always lead to the same behaviour. Readers use only what the mail carries:
Amazon's pixel and rewritten links, or the pixel and redirects of a sender who counts by itself, and its
List-Unsubscribe header. The latter are requests over HTTP, only to allowed hosts; a redirect is not followed.
"""

import asyncio
import logging
import random
import re
import time
from collections.abc import Coroutine, Iterable
from dataclasses import asdict, dataclass, fields
from typing import Any
from urllib.parse import urlsplit

from . import events, first_party
from .errors import bad_request
from .first_party import Carried
from .http_client import HttpError, request_once
from .message import Message
from .outcomes import simulated
from .publisher import Publisher
from .timeline import Timeline

_logger = logging.getLogger(__name__)
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_LINK = re.compile(r"<(https?://[^>\s]+)>")
_WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
_BLINK = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0"
_PEOPLE = (
    f"Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) {_WEBKIT} Mobile/15E148",
    f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BLINK} Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Thunderbird/140.3.0",
    f"Mozilla/5.0 (Linux; Android 15; Pixel 8) {_BLINK} Mobile Safari/537.36",
)
_GOOGLE = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
_EDGE = f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_BLINK} Safari/537.36 Edg/141.0.0.0"
# (user agent, first part of the address): what Apple's and Google's image proxies show.
_PROXIES = (("Mozilla/5.0", "17.58.101"), (_GOOGLE, "66.249.93"))
_SCANNERS = ((_EDGE, "40.94.102"), ("Mozilla/5.0 (compatible; Barracuda Sentinel (EE))", "64.235.154"))
# How many readers load something at the same moment, and how many scanners only ask whether it is there.
_CONNECTIONS = 32
_HEAD_SHARE = 0.3
# (method, address, what it counts as where it is answered as it should be)
Hit = tuple[str, str, str]


@dataclass
class Behaviour:
    """Rates are shares of delivered mails; times in seconds after delivery."""

    enabled: bool = False
    open: float = 0.45
    click: float = 0.12
    unsubscribe: float = 0.01
    proxy_open: float = 0.2
    scanner: float = 0.05
    min_delay: float = 0.2
    max_delay: float = 3.0
    seed: int = 1

    def describe(self) -> dict[str, Any]:
        """All settings as JSON."""
        return asdict(self)


def parse(value: dict[str, Any], base: Behaviour) -> Behaviour:
    """``base`` with the given settings changed."""
    known = {item.name for item in fields(Behaviour)}
    if not set(value) <= known:
        raise bad_request(f"unknown settings {sorted(set(value) - known)}; there are {sorted(known)}")
    merged = Behaviour(**{**asdict(base), **value})
    shares = (merged.open, merged.click, merged.unsubscribe, merged.proxy_open, merged.scanner)
    if not all(0 <= share <= 1 for share in shares) or not 0 <= merged.min_delay <= merged.max_delay:
        raise bad_request("rates lie between 0 and 1, and min_delay is at most max_delay")
    return merged


class Readers:
    """Listens to deliveries and acts on the timeline."""

    def __init__(
        self, behaviour: Behaviour, publisher: Publisher, timeline: Timeline, targets: tuple[str, ...]
    ) -> None:
        self.behaviour = behaviour
        self.counts = {
            "opens": 0,
            "proxy_opens": 0,
            "clicks": 0,
            "scanner_clicks": 0,
            "unsubscribes": 0,
            "unsubscribe_failures": 0,
            "hit_failures": 0,
        }
        self._publisher = publisher
        self._timeline = timeline
        self._hosts = _LOOPBACK | set(targets)
        self._tasks: set[asyncio.Task[None]] = set()
        self._connections = asyncio.Semaphore(_CONNECTIONS)

    def reset(self, behaviour: Behaviour) -> None:
        """Behave as at the start, let go of what is under way, and count anew."""
        self.behaviour = behaviour
        for task in list(self._tasks):
            task.cancel()
        self.counts.update(dict.fromkeys(self.counts, 0))

    @property
    def pending(self) -> int:
        """Readers with requests under way."""
        return len(self._tasks)

    def delivered(self, message: Message, recipient: str) -> None:
        """Decide what this reader does, and schedule it."""
        behaviour = self.behaviour
        if not behaviour.enabled or simulated(recipient) in {"complaint", "ooto"}:
            return
        rng = random.Random(f"{behaviour.seed}|{recipient.lower()}|{message.subject}")  # noqa: S311 - reproducible
        # Draw everything, always, so that one rate does not change what another decides.
        draws = {name: rng.random() for name in ("scanner", "proxy_open", "open", "click", "unsubscribe")}
        wait = rng.uniform(behaviour.min_delay, behaviour.max_delay)
        if draws["scanner"] < behaviour.scanner:
            self._timeline.after(behaviour.min_delay, lambda: self._scan(message, rng))
        has_pixel = message.open_tracking or first_party.may_carry(message.html)
        if draws["proxy_open"] < behaviour.proxy_open and has_pixel:
            self._timeline.after(behaviour.min_delay, lambda: self._proxy(message, rng))
        if draws["open"] < behaviour.open:
            self._timeline.after(
                wait, lambda: self._read(message, rng, clicks=draws["click"] < behaviour.click)
            )
        if draws["unsubscribe"] < behaviour.unsubscribe:
            self._timeline.after(wait * 1.5, lambda: self._leave(message, rng))

    def open(self, message: Message, ip: str, agent: str) -> bool:
        """A hit of the pixel."""
        if not message.open_tracking:
            return False
        return self._publisher.emit("OPEN", message, events.opened(time.time(), ip, agent))

    def click(self, message: Message, number: int, ip: str, agent: str) -> str:
        """A hit of a rewritten link; returns where it leads, empty for a link that does not exist."""
        if not 0 <= number < len(message.links):
            return ""
        link = message.links[number]
        self._publisher.emit("CLICK", message, events.clicked(time.time(), ip, agent, link.url, link.tags))
        return link.url

    def _read(self, message: Message, rng: random.Random, *, clicks: bool) -> None:
        agent, ip = rng.choice(_PEOPLE), f"203.0.113.{rng.randint(1, 254)}"
        if self.open(message, ip, agent):
            self.counts["opens"] += 1
        seen = [number for number, link in enumerate(message.links) if not link.is_empty]
        if clicks and seen and self.click(message, rng.choice(seen), ip, agent):
            self.counts["clicks"] += 1
        own = self._carried(message)
        followed = [link.url for link in own.links if not link.is_empty]
        chosen = [rng.choice(followed)] if clicks and followed else []
        self._hit(agent, [("GET", own.pixel, "opens"), *(("GET", url, "clicks") for url in chosen)])

    def _proxy(self, message: Message, rng: random.Random) -> None:
        agent, network = rng.choice(_PROXIES)
        if self.open(message, f"{network}.{rng.randint(1, 254)}", agent):
            self.counts["proxy_opens"] += 1
        self._hit(agent, [("GET", self._carried(message).pixel, "proxy_opens")])

    def _scan(self, message: Message, rng: random.Random) -> None:
        agent, network = rng.choice(_SCANNERS)
        ip = f"{network}.{rng.randint(1, 254)}"
        self.open(message, ip, agent)
        for number in range(len(message.links)):
            self.click(message, number, ip, agent)
            self.counts["scanner_clicks"] += 1
        own = self._carried(message)
        if own.pixel or own.links:
            method = "HEAD" if rng.random() < _HEAD_SHARE else "GET"
            hits = [(method, link.url, "scanner_clicks") for link in own.links]
            self._hit(agent, [(method, own.pixel, ""), *hits])

    def _leave(self, message: Message, rng: random.Random) -> None:
        target = one_click_target(message, self._hosts)
        if target:
            self._begin(self._post(target, multipart=rng.random() < 0.5))

    def _carried(self, message: Message) -> Carried:
        return first_party.carried_by(message.html, self._hosts)

    def _hit(self, agent: str, hits: list[Hit]) -> None:
        """Ask for these addresses one after the other; empty ones are what the mail does not carry."""
        if wanted := [hit for hit in hits if hit[1]]:
            self._begin(self._ask(agent, wanted))

    def _begin(self, doing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(doing)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, agent: str, hits: Iterable[Hit]) -> None:
        for method, url, counter in hits:
            try:
                async with self._connections:
                    status = await request_once(method, url, {"User-Agent": agent, "Accept": "*/*"})
                problem = f"status {status}"
            except HttpError as error:
                status, problem = 0, str(error)
            if status not in {200, 302}:
                self.counts["hit_failures"] += 1
                _logger.warning("a hit at %s failed: %s", urlsplit(url).netloc, problem)
            elif counter:
                self.counts[counter] += 1

    async def _post(self, url: str, *, multipart: bool) -> None:
        headers, body = one_click_request(multipart=multipart)
        for wait in (0.5, 2.0, None):
            try:
                status = await request_once("POST", url, headers, body)
            except HttpError as error:
                status, problem = 0, str(error)
            else:
                problem = f"status {status}"
            if 200 <= status < 300:
                self.counts["unsubscribes"] += 1
                return
            if wait is None or 300 <= status < 500:
                break
            await asyncio.sleep(wait)
        self.counts["unsubscribe_failures"] += 1
        _logger.warning("one-click unsubscribe at %s failed: %s", urlsplit(url).netloc, problem)


def one_click_target(message: Message, hosts: set[str]) -> str:
    """The address for RFC 8058's post; empty unless both headers are there and the host is allowed."""
    if message.header("List-Unsubscribe-Post").strip() != "List-Unsubscribe=One-Click":
        return ""
    found = _LINK.search(message.header("List-Unsubscribe"))
    return found[1] if found and (urlsplit(found[1]).hostname or "") in hosts else ""


def one_click_request(*, multipart: bool) -> tuple[dict[str, str], bytes]:
    """Headers and body as mailbox providers send them: no cookies, no other context."""
    if not multipart:
        return {"Content-Type": "application/x-www-form-urlencoded"}, b"List-Unsubscribe=One-Click"
    boundary = "----one-click-7MA4YWxkTrZu0gW"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n'
        f"--{boundary}--\r\n"
    )
    return {"Content-Type": f"multipart/form-data; boundary={boundary}"}, body.encode()
