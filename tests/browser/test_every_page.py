"""Every address of ours that answers GET with a page is opened and looked at: nobody has to remember to add one."""

from collections.abc import Iterator, Sequence

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from playwright.sync_api import Browser
from pytest_django.plugin import DjangoDbBlocker

from mailplatform.sandbox.testing import RunningSandbox
from tests.browser.conftest import Visitor, one_history, signed_in
from tests.browser.world import World, build

STEPS = ("to", "from", "content", "schedule", "review")
# They show a mail as its reader sees it, in a frame; its looks are the author's.
MAILS = {
    "campaigns:template_preview",
    "campaigns:starter_preview",
    "campaigns:version_preview",
    "campaigns:campaign_preview",
    "events:view_in_browser",
    "events:archive_copy",
}
# Looked at where their own states are made: test_account_pages.py. The last two are no pages of this history: the API's
# root, and an act over many people, which is its maker's (tests/subscribers/views/).
ELSEWHERE = {"accounts:setup", "accounts:style", "api:api-root", "subscribers:subscriber_bulk_job"}
# Files, with addresses of their own: tests/campaigns/views/.
ELSEWHERE |= {"campaigns:media_file", "campaigns:media_file_double", "campaigns:brand_css"}


def ours(resolver: URLResolver | None = None, namespace: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from ours(entry, entry.namespace or namespace)
        elif namespace:
            yield f"{namespace}:{entry.name}", entry


# Pages that say that something is not there.
NOT_FOUND = {"events:broken_link"}

# What `make test` opens of them, next to the pages of the journeys; the drill opens all, and looks for more.
FIRST_SEEN = (
    "events:dashboard",
    "events:campaign_report",
    "events:preferences",
    "events:unsubscribe",
    "campaigns:campaign_list",
    "campaigns:campaign_step",
    "campaigns:campaign_progress",
    "campaigns:template_edit",
    "subscribers:subscriber_list",
    "subscribers:subscriber_detail",
    "subscribers:segment_edit",
    "subscribers:import_detail",
    "subscribers:register",
)

OURS = {name: entry for name, entry in ours() if name not in MAILS | ELSEWHERE}


@pytest.fixture(scope="module")
def world(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, sandbox: RunningSandbox, server_url: str
) -> Iterator[World]:
    """One history for all tests of this module, which only look."""
    with one_history(django_db_blocker):
        yield build(sandbox, server_url)


@pytest.fixture(scope="module")
def only_window(world: World, browser: Browser, server_url: str) -> Iterator[Visitor]:
    """The administrator's window on that history, opened once."""
    with signed_in(browser, server_url, world.admin) as visitor:
        yield visitor


@pytest.fixture
def window(only_window: Visitor) -> Iterator[Visitor]:
    """The same window; what was found wrong counts for this test only."""
    only_window.problems.clear()
    only_window.expected_statuses.clear()
    yield only_window
    only_window.quiet()


def subjects(name: str, world: World) -> list[object]:
    """The objects that an address with an id is opened for, by what its name begins with."""
    thing = name.split(":")[1].partition("_")[0]
    known: dict[str, list[object]] = {
        "campaign": [world.sent, world.draft],
        "template": [world.template],
        "version": [world.template],
        "subscriber": [world.subscriber],
        "list": [world.mailing_list],
        "segment": [world.segment],
        "import": [world.job, world.orders],
        "user": [world.admin],
        "webhook": [world.webhook],
        "field": [world.field],
        "tag": [world.tag],
        "suppression": [world.suppression],
        "domain": [world.domain],
        "rights": [world.case],
        "form": [world.form],
        "media": [world.media],
        "signup": [world.form],
    }
    return known.get(thing, [])


def paths(name: str, entry: URLPattern, world: World) -> Iterator[str]:
    """Every address under which the page `name` is opened."""
    wanted = set(entry.pattern.converters)
    if not wanted:
        yield reverse(name)
        return
    if "token" in wanted:
        yield reverse(name, kwargs={"token": world.links.get(name, world.token)})
        return
    if "key" in wanted:
        yield reverse(name, kwargs={"key": "ropa"})
        return
    for thing in subjects(name, world):
        ids = {"public_id": getattr(thing, "public_id", None), "pk": thing.pk}  # type: ignore[attr-defined] # each is a model's row, of one model or another
        ids |= {"number": 1, "revision": 1, "part": "html", "table": "links"}
        for step in STEPS if "step" in wanted else ("",):
            yield reverse(name, kwargs={key: {**ids, "step": step}[key] for key in wanted})


# A mail without scripts for a frame of another page, where it is looked at; by itself axe gets no answer from it.
FRAMES = {"events:campaign_clicked_mail"}


def visit(name: str, window: Visitor, world: World, *, themes: Sequence[str], axe: bool) -> None:
    wanted = 404 if name in NOT_FOUND else 200
    window.expected_statuses.add(wanted)
    for number, path in enumerate(paths(name, OURS[name], world)):
        answer = window.page.request.get(window.base + path, max_redirects=0)
        if answer.status in {302, 405} or "<html" not in answer.text()[:300]:
            continue  # takes POST only, leads elsewhere, is a file, or a part of another page
        if answer.status == 404 and str(world.draft.public_id) in path:
            continue  # nobody got a draft
        assert answer.status == wanted, f"{path} answered {answer.status}"
        if name in FRAMES:
            continue
        window.goto(path)
        window.look(f"{name} {number}" if number else name, themes=themes, axe=axe)


@pytest.mark.parametrize("name", FIRST_SEEN)
def test_the_page_is_quiet_and_fits(name: str, window: Visitor, world: World) -> None:
    visit(name, window, world, themes=("light",), axe=False)


@pytest.mark.drill
@pytest.mark.parametrize("name", OURS)
def test_the_page_is_accessible_in_both_themes(name: str, window: Visitor, world: World) -> None:
    visit(name, window, world, themes=("light", "dark"), axe=True)


# A canvas, code and mails in frames have keys of their own.
WITH_KEYS_OF_ITS_OWN = {
    "campaigns:template_visual",
    "campaigns:template_edit",
    "events:campaign_clicked_mail",
}


@pytest.mark.drill
@pytest.mark.parametrize("name", [name for name in OURS if name not in WITH_KEYS_OF_ITS_OWN])
def test_ux_every_control_is_reached_by_tab_and_shows_that_it_has_the_focus(
    name: str, window: Visitor, world: World
) -> None:
    for path in paths(name, OURS[name], world):
        answer = window.page.request.get(window.base + path, max_redirects=0)
        if answer.status == 200 and "<html" in answer.text()[:300]:
            window.goto(path)
            window.tab_through(name)
            return
