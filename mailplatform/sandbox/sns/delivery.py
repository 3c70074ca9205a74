"""Posting to one HTTP(S) endpoint: concurrency, retries by policy, then the dead-letter queue.

docs.aws.amazon.com/sns/latest/dg/sns-message-delivery-retries.html: 15 seconds per try; 5xx and silence are
tried again, a 4xx is final.
"""

import asyncio
import base64
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from ..http_client import TIMEOUT, Connection, HttpError

_logger = logging.getLogger(__name__)
# Shorter than the keep-alive of common servers, so that we are the ones to hang up.
_IDLE = 2.0
# Seconds that each try is given at least, however short the delays between them are made.
_LEAST_PATIENCE = 3.0


@dataclass
class Post:
    """One message for one endpoint. ``delays`` are the waits still left before further tries."""

    body: bytes
    headers: dict[str, str]
    delays: list[float]
    redrive: Callable[[bytes, str], Awaitable[bool]] | None = None
    tries: int = 0


@dataclass
class Counters:
    """What happened to posts, over all endpoints."""

    queued: int = 0
    in_flight: int = 0
    retrying: int = 0
    delivered: int = 0
    failed: int = 0
    redriven: int = 0
    attempts: int = 0
    statuses: dict[str, int] = field(default_factory=dict)

    @property
    def pending(self) -> int:
        """Posts whose end is still open."""
        return self.queued + self.in_flight + self.retrying


class Endpoint:
    """Queue and connections of one subscription."""

    def __init__(self, url: str, counters: Counters, *, connections: int, retry_scale: float) -> None:
        self.url = url
        self.max_per_second: int | None = None
        self._counters = counters
        self._limit = connections
        self._scale = retry_scale
        self._queue: asyncio.Queue[Post] = asyncio.Queue()
        self._workers: set[asyncio.Task[None]] = set()
        self._idle = 0
        self._stopped = False
        self._next_slot = 0.0
        self._credentials = _basic(url)

    def put(self, post: Post) -> None:
        """Queue a post."""
        self._counters.queued += 1
        self._queue.put_nowait(post)
        if self._queue.qsize() > self._idle and len(self._workers) < self._limit:
            worker = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)

    def stop(self) -> None:
        """Forget everything."""
        self._stopped = True
        for worker in list(self._workers):
            worker.cancel()

    async def _work(self) -> None:
        connection = Connection(self.url, timeout=lambda: max(_LEAST_PATIENCE, TIMEOUT * self._scale))
        try:
            while (post := await self._next()) is not None:
                self._counters.queued -= 1
                self._counters.in_flight += 1
                try:
                    await self._wait_for_slot()
                    await self._deliver(connection, post)
                except Exception:
                    self._counters.failed += 1
                    _logger.exception("a post to %s was lost", urlsplit(self.url).netloc)
                finally:
                    self._counters.in_flight -= 1
        finally:
            connection.close()

    async def _next(self) -> Post | None:
        if not self._queue.empty():
            return self._queue.get_nowait()
        self._idle += 1
        try:
            return await asyncio.wait_for(self._queue.get(), _IDLE)
        except TimeoutError:
            return None
        finally:
            self._idle -= 1

    async def _wait_for_slot(self) -> None:
        """Honour throttlePolicy.maxReceivesPerSecond."""
        if not self.max_per_second:
            return
        now = asyncio.get_running_loop().time()
        slot = max(now, self._next_slot)
        self._next_slot = slot + 1 / self.max_per_second
        await asyncio.sleep(slot - now)

    async def _deliver(self, connection: Connection, post: Post) -> None:
        post.tries += 1
        self._counters.attempts += 1
        try:
            status = await connection.request(post.headers, post.body)
            if status == 401 and self._credentials:
                # User and password in the address are sent when the endpoint asks for them.
                status = await connection.request(
                    {**post.headers, "Authorization": self._credentials}, post.body
                )
            outcome = str(status)
        except HttpError as error:
            status, outcome = 0, str(error)
        key = str(status) if status else "no answer"
        self._counters.statuses[key] = self._counters.statuses.get(key, 0) + 1
        if 200 <= status < 300:
            self._counters.delivered += 1
        elif 400 <= status < 500 or not post.delays:
            await self._give_up(post, outcome)
        else:
            self._retry(post, post.delays.pop(0) * self._scale)

    def _retry(self, post: Post, delay: float) -> None:
        self._counters.retrying += 1

        def again() -> None:
            self._counters.retrying -= 1
            if not self._stopped:
                self.put(post)

        asyncio.get_running_loop().call_later(delay, again)

    async def _give_up(self, post: Post, outcome: str) -> None:
        if post.redrive and await post.redrive(post.body, outcome):
            self._counters.redriven += 1
            return
        self._counters.failed += 1
        _logger.warning(
            "SNS gave up on %s after %d tries: %s", urlsplit(self.url).netloc, post.tries, outcome
        )


def _basic(url: str) -> str:
    parts = urlsplit(url)
    if not parts.username:
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")
