"""`/o/<token>.gif` and `/l/<token>/<key>`: our own pixel and redirect, in front of Django like the event endpoint.

The answer comes first: the pixel asks nobody, and a link that is the same for everybody is known to the process. What
was seen goes to a group commit that asks for the person's consent at that moment. Only a token and a key of the mail's
own links lead anywhere, so this is no open redirect; nothing of the request is ever put into an answer.

Answers: 200 the pixel, whatever was asked for; 302 to the link's address; 404 a page in the reader's language; 405;
429 an address that asked for too many links that do not exist; 503 a link that cannot be looked up now.
"""

import asyncio
import time
from typing import Final

import structlog
from django.db import Error as AnyDatabaseError

from campaigns.own_links import LINK_PATH, PIXEL_PATH
from campaigns.selectors.own_links import NoSuchLink
from campaigns.tokens import InvalidToken, read_tracking_token
from mailplatform.core import clock
from mailplatform.core.flood import Flood, network_of

from .asgi import Application, Header, Receive, Scope, Send, address_of
from .ingest.visits import Visit
from .kinds import Kind
from .link_reader import LinkReader
from .tracked_runs import TrackedRuns
from .visit_writer import VisitWriter

log = structlog.get_logger(__name__)
PATHS: Final = (PIXEL_PATH, LINK_PATH)
# More of one mail within a minute is answered and not stored: no scanner has so much to look at.
VISITS_A_MINUTE: Final = 300
MAX_AGENT: Final = 500
MAX_PATH: Final = 100  # ours has 57 characters
MAX_LOOKING_UP: Final = 200
LOOK_UP_SECONDS: Final = 10.0
# The smallest transparent picture: 1 x 1, https://www.w3.org/Graphics/GIF/spec-gif89a.txt
GIF: Final = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)
_ALWAYS: Final[tuple[Header, ...]] = (
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-robots-tag", b"noindex, nofollow"),
)
_PIXEL: Final = [
    (b"content-type", b"image/gif"),
    (b"content-length", str(len(GIF)).encode()),
    (b"cache-control", b"no-store, private"),
    *_ALWAYS,
]
_REDIRECT: Final = [(b"content-length", b"0"), (b"cache-control", b"no-store"), *_ALWAYS]
_TEXTS: Final = {
    405: b"only GET and HEAD\n",
    429: b"too many links that do not exist\n",
    503: b"This link does not work right now. Please try again in a minute.\n",
}


class CannotLookUp(Exception):
    """Where a link leads cannot be found out now."""


class Tracking:
    """Pixel and redirect of one process. `pages` renders what a reader sees of a link that does not work."""

    def __init__(self, pages: Application) -> None:
        self._pages = pages
        self.runs = TrackedRuns()
        self.writer, self.reader = VisitWriter(self.runs), LinkReader(self.runs)
        self.flood = Flood(time.monotonic)
        self._busy = Flood(time.monotonic, limit=VISITS_A_MINUTE)
        self._looking_up = 0

    @property
    def threads(self) -> tuple[VisitWriter, LinkReader]:
        """What works beside the event loop, to be started and stopped with the process."""
        return self.writer, self.reader

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request for an address below `PATHS`."""
        if scope["method"] not in {"GET", "HEAD"}:
            await _say(send, 405, (b"allow", b"GET, HEAD"))
        elif scope["path"].startswith(PIXEL_PATH):
            self._opened(scope)
            await _answer(send, 200, _PIXEL, b"" if scope["method"] == "HEAD" else GIF)
        else:
            await self._clicked(scope, receive, send)

    def _opened(self, scope: Scope) -> None:
        token = scope["path"].removeprefix(PIXEL_PATH).removesuffix(".gif")
        try:
            run_id, subscriber_id = read_tracking_token(token)
        except InvalidToken:
            return
        self._note(Kind.OPEN, run_id, subscriber_id, "", scope)

    async def _clicked(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            run_id, subscriber_id, key = _read(scope["path"])
            place = self.runs.known_place(run_id, key) or await self._look_up(run_id, key, subscriber_id)
        except (InvalidToken, NoSuchLink):
            await self._no_such_link(scope, receive, send)
        except CannotLookUp as error:
            log.warning("link_not_looked_up", reason=str(error))
            await _say(send, 503, (b"retry-after", b"60"))
        else:
            self._note(Kind.CLICK, run_id, subscriber_id, key, scope)
            await _answer(send, 302, [*_REDIRECT, (b"location", place)])

    async def _look_up(self, run_id: int, key: str, subscriber_id: int) -> bytes:
        if self._looking_up >= MAX_LOOKING_UP:
            raise CannotLookUp("too many wait")
        self._looking_up += 1
        try:
            found = self.reader.ask(run_id, key, subscriber_id)
            return await asyncio.wait_for(asyncio.wrap_future(found), LOOK_UP_SECONDS)
        except (AnyDatabaseError, TimeoutError) as error:
            raise CannotLookUp(type(error).__name__) from error
        finally:
            self._looking_up -= 1

    def _note(self, kind: Kind, run_id: int, subscriber_id: int, key: str, scope: Scope) -> None:
        mail = f"{run_id}/{subscriber_id}"
        if self._busy.is_held_back(mail):
            return
        self._busy.refused(mail)
        visit = Visit(
            kind, run_id, subscriber_id, clock.now(), key, user_agent=_agent(scope), method=scope["method"]
        )
        self.writer.put(visit)

    async def _no_such_link(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Show the page; not to an address that keeps asking: a page costs a hundred times what a redirect does."""
        network = network_of(address_of(scope))
        self.flood.refused(network)
        if self.flood.is_held_back(network):
            await _say(send, 429, (b"retry-after", b"60"), (b"connection", b"close"))
            return
        # Neither the page nor Django's log learns what was asked for.
        bare = {**scope, "path": LINK_PATH, "raw_path": LINK_PATH.encode(), "query_string": b""}
        await self._pages(bare, receive, send)


def _read(path: str) -> tuple[int, int, str]:
    """Return run, person and key of a link's path. Some programs add a slash at the end."""
    token, _, key = path[:MAX_PATH].removeprefix(LINK_PATH).removesuffix("/").partition("/")
    run_id, subscriber_id = read_tracking_token(token)
    return run_id, subscriber_id, key


def _agent(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"user-agent":
            text: str = value[:MAX_AGENT].decode("latin-1")
            return text
    return ""


async def _say(send: Send, status: int, *headers: Header) -> None:
    text = _TEXTS[status]
    always = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(text)).encode()),
        (b"cache-control", b"no-store"),
    ]
    await _answer(send, status, [*always, *_ALWAYS, *headers], text)


async def _answer(send: Send, status: int, headers: list[Header], body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
