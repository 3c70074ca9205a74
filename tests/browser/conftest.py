"""A real server, a real browser, and what every page must keep to.

The server is the ASGI application of production in a thread of the test process, so that it sees the test database.
"""

import os
import re
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
import uvicorn
from allauth.account.internal.flows import login
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.db import connections
from django.test import override_settings
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    ViewportSize,
    expect,
)
from pytest_django.plugin import DjangoDbBlocker

from mailplatform.accounts.models import User
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox, running_sandbox
from tests.database import flush

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
SERIOUS = {"serious", "critical"}
WIDTHS = (360, 1280)
VIEWPORT: ViewportSize = {"width": 1280, "height": 900}
# Of a group of radio buttons one has the focus for all; what stands in a closed <details> has none.
_WATCH_FOCUS = """() => {
    const controls = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
    const groups = new Set();
    window.nameOf = each => each.outerHTML.slice(0, 120);
    window.focusUnseen = [];
    window.focusLeft = new Set([...document.querySelectorAll(controls)].filter(each => {
        if (each.disabled || each.closest("fieldset:disabled, [inert]") || each.tabIndex < 0) return false;
        if (!each.checkVisibility({visibilityProperty: true})) return false;
        if (each.type !== "radio") return true;
        const group = each.form?.id + each.name;
        if (each.checked) groups.add(group);
        return each.checked || (!each.form?.elements[each.name]?.value && !groups.has(group) && groups.add(group));
    }));
    document.addEventListener("focusin", ({target}) => {
        window.focusLeft.delete(target);
        const style = getComputedStyle(target);
        const near = getComputedStyle(target.parentElement);
        const isSeen = (style.outlineStyle !== "none" && style.outlineWidth !== "0px") || style.boxShadow !== "none"
            || near.boxShadow !== "none" || near.outlineStyle !== "none";
        if (!isSeen) window.focusUnseen.push(target);
    });
}"""
# Patience for a busy machine; what is there at once costs none of it.
expect.set_options(timeout=20_000)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a browser."""
    here = os.path.dirname(__file__)  # noqa: PTH120 (a prefix to compare, nothing more)
    for item in items:
        if str(item.path).startswith(here) and not item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    """The local SES and SNS that the site of the browser tests talks to."""
    with running_sandbox(auto_verify=True) as running:
        yield running


@pytest.fixture(scope="session")
def server_url(sandbox: RunningSandbox) -> Iterator[str]:
    """Serve the ASGI application on a free port until the tests end, wired to the sandbox."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    endpoints = dict.fromkeys(
        ("sesv2", "sns", "sqs", "s3", "sts", "cloudwatch", "events", "scheduler"), sandbox.url
    )
    keys = {"AWS_ACCESS_KEY_ID": constants.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": constants.SECRET_KEY}
    wired = override_settings(
        PUBLIC_URL=address,
        SANDBOX_URL=sandbox.url,
        AWS_ENDPOINT_URLS=endpoints,
        AWS_REGION=sandbox.region,
        **keys,
    )
    with wired:
        yield from _serve(listener, address)


def _serve(listener: socket.socket, address: str) -> Iterator[str]:
    from mailplatform.asgi import application

    # Without its lifespan the server's writer of events starts with the first post; see `event_writer`.
    config = uvicorn.Config(application, log_level="warning", access_log=False, lifespan="off", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, name="uvicorn", daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server did not start"
        time.sleep(0.02)
    yield address
    server.should_exit = True
    thread.join(timeout=30)
    assert not thread.is_alive(), "the server did not stop"
    listener.close()


@dataclass
class Visitor:
    """A browser window that notes everything that must not happen."""

    page: Page
    base: str
    problems: list[str] = field(default_factory=list)
    expected_statuses: set[int] = field(default_factory=set)
    pending: set[Request] = field(default_factory=set)

    def goto(self, path: str) -> None:
        """Open a page of the site and wait until it is quiet."""
        response = self.page.goto(self.base + path, wait_until="load")
        assert response is not None
        if response.status >= 400 and response.status not in self.expected_statuses:
            self.problems.append(f"{path} answered {response.status}")
        self.settle()

    def settle(self) -> None:
        """Wait until nothing has been asked of the server for two looks; "networkidle" takes half a second."""
        quiet = 0
        while quiet < 2:
            self.page.wait_for_timeout(25)
            quiet = 0 if self.pending else quiet + 1

    def look(self, where: str, *, themes: Sequence[str] = ("light",), axe: bool = True) -> None:
        """Check the open page at both widths in the themes; problems are collected, not raised.

        Without axe where test_every_page.py runs it on the same page, as a drill.
        """
        if "SCREENS_DIRECTORY" in os.environ:
            themes = ("light", "dark")
        for theme in themes:
            self.wear(theme)
            for width in WIDTHS:
                self.page.set_viewport_size({"width": width, "height": 900})
                self._sideways(f"{where} {theme} {width}")
                self._picture(f"{where} {width} {theme}")
            # At the wide width, where nothing is folded away; the structure is the same in both themes.
            if axe and "SCREENS_DIRECTORY" not in os.environ:
                self._axe(f"{where} {theme}", rules=None if theme == "light" else ["color-contrast"])
        self._inline(where)

    def wear(self, theme: str) -> None:
        """Switch the theme as the system would, and wait until it is painted."""
        self.page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        self.page.evaluate(
            """async () => {
                await new Promise(done => requestAnimationFrame(() => setTimeout(done, 50)));
                await Promise.allSettled(document.getAnimations().filter(each =>
                    each.effect.getComputedTiming().iterations !== Infinity).map(each => each.finished));
                await new Promise(done => requestAnimationFrame(done));
            }"""
        )

    def _sideways(self, where: str) -> None:
        overflow = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if overflow > 0:
            wide = self.page.evaluate(
                """[...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right >
                innerWidth + 1).slice(0, 3).map(e => e.outerHTML.slice(0, 120))"""
            )
            self.problems.append(f"{where}: scrolls {overflow} px sideways: {wide}")

    def _axe(self, where: str, *, rules: list[str] | None) -> None:
        options: dict[str, Any] = {"resultTypes": ["violations"]}
        if rules:
            options["runOnly"] = {"type": "rule", "values": rules}
        found = Axe().run(self.page, options=options).response["violations"]
        for violation in found:
            if violation["impact"] in SERIOUS:
                nodes = [
                    f"{node['html'][:160]} ({node['failureSummary'][:300]})"
                    for node in violation["nodes"][:3]
                ]
                self.problems.append(f"{where}: {violation['id']}: {nodes}")

    def _picture(self, where: str) -> None:
        if directory := os.environ.get("SCREENS_DIRECTORY"):
            name = re.sub(r"[^a-z0-9]+", "-", where.lower())
            self.page.screenshot(path=f"{directory}/{name}.png", full_page=True)

    def _inline(self, where: str) -> None:
        inline = self.page.evaluate(
            """[...document.querySelectorAll('script:not([src]):not([type="application/json"]), head style')]
            .map(e => e.outerHTML.slice(0, 120))"""
        )
        if inline:
            self.problems.append(f"{where}: inline script or style: {inline}")

    def film(self, name: str) -> None:
        """Take a picture of what the window shows for the tour in docs/, where one is being made."""
        if directory := os.environ.get("TOUR_DIRECTORY"):
            self.settle()
            self.page.evaluate("scrollTo(0, 0)")
            self.page.screenshot(path=f"{directory}/{name}.png")

    def tab_to(self, target: Locator, *, most: int = 80) -> None:
        """Press Tab until `target` has the focus, as somebody without a mouse does, and see that the focus shows."""
        for _ in range(most):
            self.page.keyboard.press("Tab")
            if target.evaluate("each => each === document.activeElement", timeout=5_000):
                assert self._shows_focus(), f"the focus on {target} cannot be seen"
                return
        raise AssertionError(f"Tab does not lead to {target} on {self.page.url}")

    def press(self, target: Locator, key: str = "Enter") -> None:
        """Go to `target` by Tab and press a key there."""
        self.tab_to(target)
        self.page.keyboard.press(key)

    def tab_through(self, where: str, *, spare: int = 60) -> None:
        """Press Tab until every control had the focus; note those that are not reached or do not show it.

        What the page replaces meanwhile is not waited for.
        """
        self.page.evaluate(_WATCH_FOCUS)
        for _ in range(self.page.evaluate("window.focusLeft.size") + spare):
            self.page.keyboard.press("Tab")
            if self.page.evaluate("![...window.focusLeft].some(each => each.isConnected)"):
                break
        missed, unseen = self.page.evaluate(
            """[[...window.focusLeft].filter(each => each.isConnected), window.focusUnseen]
                .map(found => found.map(window.nameOf))"""
        )
        if missed:
            self.problems.append(f"{where}: Tab does not lead to {missed[:3]}")
        if unseen:
            self.problems.append(f"{where}: the focus cannot be seen on {unseen[:3]}")

    def _shows_focus(self) -> bool:
        shown: bool = self.page.evaluate(
            """() => {
                const style = getComputedStyle(document.activeElement);
                return document.activeElement.matches(":focus-visible") &&
                    ((style.outlineStyle !== "none" && style.outlineWidth !== "0px") || style.boxShadow !== "none");
            }"""
        )
        return shown

    def quiet(self) -> None:
        """Raise unless nothing forbidden happened."""
        assert not self.problems, "\n".join(self.problems)


# A newer preview takes the place of one that is still on its way: htmx speaks of the one it dropped as of an error.
OVERTAKEN = ("htmx:sendAbort,", "htmx:afterRequest,")


def watch(context: BrowserContext, base: str) -> Visitor:
    """Open a window whose console, failed requests and foreign requests are noted."""
    page = context.new_page()
    visitor = Visitor(page, base)
    host = urlsplit(base).netloc

    def on_console(message: ConsoleMessage) -> None:
        expected = any(f"status of {status}" in message.text for status in visitor.expected_statuses)
        if not expected and not message.text.startswith(OVERTAKEN):
            visitor.problems.append(f"{page.url}: console {message.type}: {message.text}")

    def on_request(request: Request) -> None:
        visitor.pending.add(request)
        parts = urlsplit(request.url)
        # The browser was started so that it finds no other host. A route would forbid it to cache anything.
        if parts.scheme not in {"data", "blob", "about"} and parts.netloc != host:
            visitor.problems.append(f"{page.url}: request to {request.url}")

    def on_answer(request: Request) -> None:
        visitor.pending.discard(request)

    page.on("console", on_console)
    page.on("pageerror", lambda error: visitor.problems.append(f"{page.url}: {error}"))
    page.on("request", on_request)
    page.on("requestfinished", on_answer)
    page.on("requestfailed", on_answer)
    return visitor


def sign_in(context: BrowserContext, base: str, user: User, *, lately: bool = False) -> None:
    """Give the browser the session of `user`, without the form; `lately` as after it."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    if lately:
        session[login.AUTHENTICATION_METHODS_SESSION_KEY] = [{"method": "password", "at": time.time()}]
        session[login._AUTHENTICATION_METHODS_USER_SESSION_KEY] = str(user.pk)
    session.save()
    cookie: Any = {"name": settings.SESSION_COOKIE_NAME, "value": session.session_key, "url": base}
    context.add_cookies([cookie])


@contextmanager
def one_history(blocker: DjangoDbBlocker) -> Iterator[None]:
    """Let what a module's fixture writes stand until the module's last test, and empty the tables then."""
    from mailplatform.asgi import application

    with blocker.unblock():
        yield
        application.endpoint.writer.stop()
        flush()
        forget_connections()


@contextmanager
def signed_in(browser: Browser, base: str, user: User) -> Iterator[Visitor]:
    """A window of `user` for the tests of a module, with what the browser has fetched once."""
    context = browser.new_context(viewport=VIEWPORT, locale="en-GB")
    visitor = watch(context, base)
    sign_in(context, base, user)
    yield visitor
    context.close()
    forget_connections()


@pytest.fixture(scope="session")
def profile(browser: Browser) -> Iterator[BrowserContext]:
    """One profile for all strangers, so that scripts and styles are fetched once."""
    context = browser.new_context(viewport=VIEWPORT, locale="en-GB")
    yield context
    context.close()


@pytest.fixture
def event_writer(transactional_db: None, server_url: str) -> Iterator[None]:
    """Let the server's threads end with the test: their hearts may not beat into the next one's database.

    Numbers of runs begin anew there, so what the server knows of runs goes, too.
    """
    from events.asgi import Application
    from events.tracking import Tracking
    from mailplatform.asgi import application, django_application

    yield
    application.endpoint.writer.stop()
    for thread in application.tracking.threads:
        thread.stop()
    application.tracking = Tracking(cast("Application", django_application))


@pytest.fixture
def visitor(event_writer: None, profile: BrowserContext, server_url: str) -> Iterator[Visitor]:
    """A stranger's window; everything forbidden is raised at the end of the test."""
    window = watch(profile, server_url)
    yield window
    if window.page.url.startswith(server_url):
        window.page.evaluate("localStorage.clear()")
    window.page.close()
    profile.clear_cookies()
    forget_connections()
    window.quiet()


def forget_connections() -> None:
    """Close what this test opened: while Playwright's loop runs, Django keeps connections per context.

    Those of the session's fixtures are others, so nobody else would close these before the database is dropped.
    """
    connections.close_all()
