"""`POST /sns/events/`: a small ASGI callable in front of Django, whose request path would cost ten times the work.

Beside it stand our own pixel and redirect, see `events.tracking`.

Answers: 200 stored or seen before; 400 or 403 not to be believed (SNS does not repeat these); 413 too large; 408
too slow; 503 not now, SNS sends it again; this is also what an address hears that posted too much of what is not to
be believed. Nothing of the request is ever put into an answer.
"""

import asyncio
import gc
import time
from typing import Any, Final

import structlog

from mailplatform.core.flood import Flood

from . import verify, wiring
from .asgi import Application, Receive, Scope, Send, address_of, in_thread
from .envelope import UnknownTopic
from .group_thread import GroupThread
from .ingest import Inbound
from .services import handshake, triggers
from .tracking import PATHS, Tracking
from .writer import GroupWriter

log = structlog.get_logger(__name__)
PATH: Final = "/sns/events/"
MAX_BODY: Final = 256 * 1024  # what SNS itself allows
BODY_SECONDS: Final = 20.0  # SNS itself gives a delivery 15
# A topic's request to confirm, of about 2 kB: what else names a topic that nobody knows is not waited with.
CONFIRMATION: Final = b'"SubscriptionConfirmation"'
LARGEST_CONFIRMATION: Final = 16 * 1024
_TOO_SLOW: Final = "the body did not come in time"

_TEXTS: Final = {
    200: b"",
    400: b"bad request\n",
    403: b"refused\n",
    405: b"only POST\n",
    408: b"too slow\n",
    413: b"too large\n",
    503: b"not now, please send it again\n",
}
_HEADERS: Final = {
    status: (
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
    )
    for status, text in _TEXTS.items()
}


def mount(django_application: Application) -> "Mounted":
    """Put the event endpoint, pixel and redirect in front of `django_application`."""
    return Mounted(django_application)


class Mounted:
    """The whole site: `endpoint` and `tracking` in front, Django behind them."""

    def __init__(self, django_application: Application) -> None:
        self.endpoint, self._django = Endpoint(), django_application
        self.tracking = Tracking(django_application)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] == PATH:
            await self.endpoint.handle(scope, receive, send)
        elif scope["type"] == "http" and scope["path"].startswith(PATHS):
            await self.tracking.handle(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self.endpoint.live(receive, send, *self.tracking.threads)
        else:
            await self._django(scope, receive, send)


class Endpoint:
    """Verifies posts and hands them to the group commit. One per process."""

    def __init__(self, verifier: verify.Verifier | None = None, topics: wiring.Topics | None = None) -> None:
        if verifier is None or topics is None:
            verifier, topics = wiring.make_verifier()
        self._verifier, self._topics = verifier, topics
        self.writer, self.flood = GroupWriter(), Flood(time.monotonic)

    async def live(self, receive: Receive, send: Send, *beside: GroupThread[Any]) -> None:
        """Answer the server's start and end: our threads finish what waits before the process ends."""
        threads = [self.writer, *beside]
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                # What the site consists of lives as long as the process: the collector need not look at it again.
                gc.collect()
                gc.freeze()
                for thread in threads:
                    thread.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await asyncio.gather(*(asyncio.to_thread(thread.stop) for thread in threads))
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["method"] != "POST":
            await _answer(send, 405, (b"allow", b"POST"))
            return
        address = address_of(scope)
        if self.flood.is_held_back(address):
            await _answer(send, 503, (b"connection", b"close"), (b"retry-after", b"60"))
            return
        try:
            body = await _read_in_time(scope, receive)
        except TimeoutError:
            self.flood.refused(address)
            await _answer(send, 408, (b"connection", b"close"))
            return
        if body is None:
            self.flood.refused(address)
            await _answer(send, 413, (b"connection", b"close"))
            return
        status = await self.status_of(body)
        if status == 200:
            self.flood.believed(address)
        elif status != 503:
            self.flood.refused(address)
            self.writer.refused += 1
        await _answer(send, status)

    async def status_of(self, body: bytes) -> int:
        """Verify and take in one body; return the HTTP status."""
        try:
            message = await self._verify(body)
        except verify.Refused as refused:
            log.warning("sns_refused", reason=refused.reason)
            return refused.status
        except verify.CannotVerifyNow as error:
            log.warning("sns_not_verified", reason=str(error))
            return 503
        answer = handshake.answer
        if message.type == "Notification":
            if not triggers.is_trigger(message.topic_arn):
                return 200 if await self.writer.write(Inbound(message, body)) else 503
            answer = triggers.answer
        try:
            await asyncio.to_thread(in_thread, answer, message, body)
        except Exception:
            log.exception("sns_message_failed", type=message.type)
            return 503
        return 200

    async def _verify(self, body: bytes) -> verify.SnsMessage:
        if self._topics.is_stale():
            await self._refresh()
        try:
            envelope = self._verifier.read(body)
        except UnknownTopic:
            # It may be a topic that was made a moment ago; after our last look where that is a moment ago, too. SNS
            # does not ask a second time to confirm what was refused.
            if not self._topics.is_stale(wiring.KNOWN_FOR):
                if CONFIRMATION not in body or len(body) > LARGEST_CONFIRMATION:
                    raise
                await asyncio.sleep(wiring.KNOWN_FOR.total_seconds())
            if self._topics.is_stale(wiring.KNOWN_FOR):
                await self._refresh()
            envelope = self._verifier.read(body)
        if not self._verifier.is_ready(envelope):
            await asyncio.to_thread(self._verifier.prepare, envelope)
        return self._verifier.check(envelope)

    async def _refresh(self) -> None:
        try:
            await asyncio.to_thread(in_thread, self._topics.refresh)
        except Exception as error:
            raise verify.CannotVerifyNow("our topics cannot be read now") from error


async def _read_in_time(scope: Scope, receive: Receive) -> bytes | None:
    """As `_read`, or TimeoutError. `asyncio.timeout` says the same and costs a tenth of the whole request."""
    task = asyncio.current_task()
    if task is None:  # pragma: no cover - a coroutine of a server always runs in a task
        raise RuntimeError("no task to cancel")
    timer = asyncio.get_running_loop().call_later(BODY_SECONDS, task.cancel, _TOO_SLOW)
    try:
        return await _read(scope, receive)
    except asyncio.CancelledError as error:
        if error.args != (_TOO_SLOW,):
            raise
        task.uncancel()
        raise TimeoutError from error
    finally:
        timer.cancel()


async def _read(scope: Scope, receive: Receive) -> bytes | None:
    """Return the body, or None where it is larger than SNS's own limit; never holds more than that."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > MAX_BODY:
            return None
    chunks, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > MAX_BODY:
            return None
        chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks)


async def _answer(send: Send, status: int, *headers: tuple[bytes, bytes]) -> None:
    start = [*_HEADERS[status], *headers]
    await send({"type": "http.response.start", "status": status, "headers": start})
    await send({"type": "http.response.body", "body": _TEXTS[status]})
