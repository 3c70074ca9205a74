"""Runs whose opens and clicks we count ourselves, and readers who come to our pixel and redirect by ASGI."""

import asyncio
import re
from dataclasses import dataclass, field
from typing import Any

from campaigns.models import Run, TemplateVersion
from campaigns.own_links import LINK_PATH, PIXEL_PATH, key_of
from campaigns.tokens import make_tracking_token
from events import endpoint
from subscribers.models import Subscriber

from .events import PERSON_AGENT, make_run

SHOP = "https://shop.example/a?x=1&y=2"


def make_tracked_run(*targets: str, **frozen: Any) -> Run:
    """Make a run whose mail has these links of ours; `SHOP` unless told otherwise."""
    run = make_run(carrier="own", **frozen)
    links = {key_of(target): target for target in targets or (SHOP,)}
    names = sorted({name for target in links.values() for name in re.findall(r"html\.(\w+)", target)})
    TemplateVersion.objects.filter(pk=run.template_version_id).update(
        links=links, variables={"subject": [], "html": names, "text": []}
    )
    return run


def pixel_of(run: Run, person: Subscriber) -> str:
    """Where the pixel of one person's mail is."""
    return f"{PIXEL_PATH}{make_tracking_token(run.pk, person.pk)}.gif"


def link_of(run: Run, person: Subscriber, target: str = SHOP) -> str:
    """Where a link of one person's mail leads first."""
    return f"{LINK_PATH}{make_tracking_token(run.pk, person.pk)}/{key_of(target)}"


@dataclass
class Answer:
    """What one request got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def location(self) -> str:
        return self.headers["location"]


@dataclass
class Readers:
    """A server process of ours with nothing behind it but a page that says what it was asked for."""

    pages: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.site = endpoint.mount(self._page)

    async def _page(self, scope: Any, _receive: Any, send: Any) -> None:
        self.pages.append(scope)
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b"This link does not work"})

    def ask(
        self,
        *paths: str,
        method: str = "GET",
        agent: str | None = PERSON_AGENT,
        client: str = "192.0.2.7",
        query: bytes = b"",
    ) -> list[Answer]:
        """Ask for paths at the same time."""
        headers = [(b"host", b"mail.shop.example"), (b"accept", b"*/*")]
        if agent is not None:
            headers.append((b"user-agent", agent.encode()))

        async def one(path: str) -> Answer:
            sent: list[Any] = []

            async def receive() -> Any:
                return {"type": "http.request", "body": b""}

            async def send(message: Any) -> None:
                sent.append(message)

            scope = {
                "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": query,
                "headers": headers, "client": (client, 1),
            }  # fmt: skip
            await self.site(scope, receive, send)
            told = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
            return Answer(sent[0]["status"], told, b"".join(part["body"] for part in sent[1:]))

        async def everyone() -> list[Answer]:
            return await asyncio.gather(*map(one, paths))

        return asyncio.run(everyone())

    def get(self, path: str, **more: Any) -> Answer:
        """Ask for one path."""
        return self.ask(path, **more)[0]

    def settle(self) -> None:
        """Wait until all that was seen is stored. No thread of tracking is left with a connection."""
        for thread in self.site.tracking.threads:
            thread.stop()

    def close(self) -> None:
        """End all threads."""
        self.settle()
        self.site.endpoint.writer.stop()
