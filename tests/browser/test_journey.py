"""The main job, in the browser from sign-in to unsubscribe, with the real worker, sandbox and events."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from campaigns.models import Run
from events.models import Outcome
from mailplatform.management.demo import people, story
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import Profile, Subscriber
from tests.browser.conftest import Visitor
from tests.browser.world import install, let_people_read
from tests.factories import workers
from tests.factories.accounts import PASSWORD, AdminFactory
from tests.factories.waiting import wait_for

PEOPLE = 40
NAME = "Hello from the harbour"


@pytest.fixture
def celery(sandbox: RunningSandbox, server_url: str, event_writer: None, tmp_path: Path) -> Iterator[None]:
    """One worker with beat inside, as an installation of one machine may run it."""
    workers.empty_queues()
    # The sandbox is the session's: what other tests sent is not in this story.
    sandbox.api.delete("messages")
    let_people_read(sandbox)
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "mailplatform",
        "worker",
        "-B",
        "-s",
        str(tmp_path / "beat"),
    ]
    process = subprocess.Popen(
        [
            *command,
            "-Q",
            workers.ALL_QUEUES,
            "-c",
            "1",
            "-l",
            "ERROR",
            "--without-gossip",
            "--without-mingle",
        ],
        env=workers.environment(sandbox, PUBLIC_URL=server_url),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield
    process.send_signal(signal.SIGTERM)
    workers.kill(process)


def test_from_sign_in_to_unsubscribe(
    visitor: Visitor, celery: None, sandbox: RunningSandbox, tmp_path: Path
) -> None:
    admin = AdminFactory.create(name="Ada Admin")
    install(admin, visitor.base, carrier="own")
    page = visitor.page
    page.set_default_timeout(60_000)
    sign_in(visitor, admin.email)
    import_people(visitor, tmp_path)
    publish_template(visitor)
    make_campaign(visitor)
    send(visitor)
    assert 0 < read_report(visitor, sandbox) <= PEOPLE
    reader = leave(visitor, sandbox)
    visitor.goto(reverse("events:dashboard"))
    page.click(f"text={NAME}")
    expect(page.locator("main")).to_contain_text("Unsubscribed")
    person = Subscriber.objects.get(email=reader)
    assert Profile.objects.get(subscriber_id=person.pk).marketing_basis == "withdrawn"


def sign_in(visitor: Visitor, email: str) -> None:
    visitor.goto(reverse("events:dashboard"))
    visitor.page.fill("#id_login", email)
    visitor.page.fill("#id_password", PASSWORD)
    visitor.page.click("main button:has-text('Sign in')")
    expect(visitor.page.locator("h1")).to_have_text("Dashboard")


def import_people(visitor: Visitor, directory: Path) -> None:
    file, page = directory / "people.csv", visitor.page
    people.write_csv(file, list(people.everybody(PEOPLE)))
    visitor.goto(reverse("subscribers:import_start"))
    page.set_input_files("input[type=file]", file)
    page.click("text=Upload and read")
    page.fill("[name=wording]", story.WORDING)
    page.fill("[name=tracking_wording]", story.TRACKING_WORDING)
    page.check("[name=segments]")
    page.check("[name=agreed]")
    visitor.film("01-import")
    page.click("text=Check the file")
    page.click(f"text=Import {PEOPLE} people")
    expect(page.locator("main")).to_contain_text("Every row of the file is accounted for")
    visitor.film("02-imported")
    assert Subscriber.objects.count() == PEOPLE


def publish_template(visitor: Visitor) -> None:
    visitor.goto(reverse("campaigns:template_add"))
    visitor.film("03-templates")
    visitor.page.click("button[name=starter][value=welcome-campaign]")
    visitor.page.wait_for_url("**/templates/*/")
    visitor.film("04-template")
    visitor.page.click("button:has-text('Publish')")
    expect(visitor.page.locator("main")).to_contain_text("Version 1 published")


def make_campaign(visitor: Visitor) -> None:
    page = visitor.page
    visitor.goto(reverse("campaigns:campaign_new"))
    page.fill("[name=name]", NAME)
    page.click("text=Begin")
    page.wait_for_url("**/to/")
    for box in page.locator("[name=segments]").all():
        box.check()
    expect(page.locator("#saved-note")).to_have_text("Saved.")
    visitor.film("05-to")
    page.click("text=Continue")
    page.wait_for_url("**/from/")
    page.locator("[name=sender]").first.check()
    page.check("[name=track_opens]")
    page.check("[name=track_clicks]")
    page.click("text=Continue")
    page.wait_for_url("**/content/")
    page.select_option("[name=template]", label="Welcome campaign")
    expect(page.locator("#saved-note")).to_have_text("Saved.")
    visitor.film("06-content")
    page.click("text=Continue")
    page.wait_for_url("**/schedule/")
    page.click("text=Continue")
    page.wait_for_url("**/review/")
    visitor.film("07-review")


def send(visitor: Visitor) -> None:
    page = visitor.page
    assert page.is_enabled("button[data-dialog-open=send]"), page.inner_text("main")
    page.click("button[data-dialog-open=send]")
    visitor.film("08-send")
    page.click("#send-go")
    expect(page.locator("#progress-undo")).to_be_visible()
    visitor.film("09-undo")
    expect(page.locator("#state-title")).to_have_text("Sent", timeout=120_000)
    visitor.film("10-sent")


def read_report(visitor: Visitor, sandbox: RunningSandbox) -> int:
    """Open the report when all events are in; its first numbers are the mailbox's. Return how many got the mail."""
    sandbox.wait_quiet()
    check_that_we_counted(visitor, sandbox)
    mails = len(mailed(sandbox))
    visitor.goto(visitor.page.url.removeprefix(visitor.base).rstrip("/") + "/report/")
    funnel = visitor.page.locator(".mp-funnel li")
    expect(funnel.filter(has_text="Audience")).to_contain_text(str(PEOPLE))
    expect(funnel.filter(has_text="Accepted by Amazon SES")).to_contain_text(str(mails))
    expect(visitor.page.locator("#report canvas")).to_be_visible()
    visitor.film("11-report")
    return mails


def check_that_we_counted(visitor: Visitor, sandbox: RunningSandbox) -> None:
    """The readers met our own pixel and links, and those are in the figures who had agreed."""
    actions = sandbox.api.get("readers")["actions"]
    assert actions["opens"]
    assert actions["clicks"]
    assert not actions["hit_failures"]
    for field, allowed in (("opened_at", "opens_allowed"), ("clicked_at", "clicks_allowed")):
        counted = Outcome.objects.filter(**{f"{field}__isnull": False}).values("subscriber_id")
        wait_for(counted.exists)
        assert not Profile.objects.filter(subscriber_id__in=counted).exclude(**{allowed: True}).exists()
    mail = sandbox.api.get(f"messages/{mailed(sandbox)[0]['id']}")
    assert mail["configuration_set"] == "mailplatform-none"
    assert f"{visitor.base}/" in mail["html"]


def mailed(sandbox: RunningSandbox) -> list[dict[str, Any]]:
    """The mails of the campaign, without those to the people who work here."""
    run = Run.objects.get()
    found: list[dict[str, Any]] = sandbox.api.get("messages", limit=1000, **{"mp-run": run.pk})["messages"]
    return found


def leave(visitor: Visitor, sandbox: RunningSandbox) -> str:
    """Follow the link in a mail as its reader would, and press the button; return the reader's address."""
    summary = next(mail for mail in mailed(sandbox) if "simulator" not in str(mail))
    raw = sandbox.raw(summary["id"]).decode()
    link = re.search(r"List-Unsubscribe: <(\S+)>", raw.replace("\r\n ", ""))
    reader = re.search(r"^To: .*?([^\s<>]+@[^\s<>]+)", raw, re.MULTILINE)
    assert link is not None
    assert reader is not None
    visitor.goto(link[1].removeprefix(visitor.base))
    visitor.film("12-unsubscribe")
    visitor.page.click("button[value=leave]")
    expect(visitor.page.locator("h1")).not_to_have_text("Unsubscribe?")
    return reader[1].lower()
