"""This site counts opens and clicks: from a launch over the mailbox and real HTTP to the report, and after a "no"."""

import email
import email.policy
import http.client
import re
import socket
import threading
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html import unescape
from typing import cast
from urllib.parse import urlencode, urlsplit

import pytest
import uvicorn
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from pytest_django.fixtures import Settings

from campaigns import honeypot
from campaigns.models import Delivery, Run
from campaigns.own_links import LINK_PATH, PIXEL_PATH
from campaigns.sending import clients, drain, prepare, quota, smtp
from campaigns.services import runs
from events import asgi, endpoint
from events.models import Counter, Event, Outcome
from events.selectors import report
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import MailingList, Subscriber
from subscribers.services import erasure
from tests.factories import campaigns as factories
from tests.factories import workers
from tests.factories.events import PERSON_AGENT
from tests.factories.sending import make_list, make_people, nap
from tests.factories.smtp import fake_smtp
from tests.factories.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
SALE, HELLO = "https://shop.example/sale?x=1&y=2", "https://shop.example/hello?who="
HTML = (
    "<html><body><h1>Hi {{name}}</h1>"
    '<p><a href="https://shop.example/sale?x=1&amp;y=2">Sale</a> <a href="https://shop.example/hello?who={{name}}">You</a></p>'
    '<p><a href="{{unsubscribe_url}}">Unsubscribe</a> <a href="{{preferences_url}}">Settings</a> '
    "{{company}}, {{postal_address}}</p></body></html>"
)
ADA = f"{HELLO}Ada%20%3Cb%3E"


@dataclass(frozen=True)
class Answer:
    """What a request got; redirects are not followed."""

    status: int
    location: str
    body: bytes


@dataclass(frozen=True)
class Mail:
    """The HTML of a mail that arrived."""

    html: str

    @property
    def links(self) -> list[str]:
        """Where its links lead."""
        return [unescape(found) for found in re.findall(r'href="([^"]+)"', self.html)]

    @property
    def own(self) -> list[str]:
        """The links that lead over this site to elsewhere."""
        return [link for link in self.links if urlsplit(link).path.startswith(LINK_PATH)]

    @property
    def pixel(self) -> str:
        """Where the pixel is; empty without one."""
        found = re.search(r'<img src="([^"]+)"', self.html)
        return unescape(found[1]) if found else ""

    @property
    def settings(self) -> str:
        """The link to the reader's settings."""
        return next(link for link in self.links if "/p/" in link)


Mails = Callable[[], dict[str, Mail]]


@pytest.fixture
def site_url(sandbox: RunningSandbox, settings: Settings) -> Iterator[str]:
    """The whole site under uvicorn, with the sandbox's account behind it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings.PUBLIC_URL = url
        installation.update(actor=None, public_url=url, account_id="123456789012")
        django = cast("asgi.Application", get_asgi_application())
        config = uvicorn.Config(endpoint.mount(django), log_level="warning", access_log=False, ws="none")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield url
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def from_amazon(sandbox: RunningSandbox, site_url: str) -> Mails:
    """What the sandbox received."""

    def mails() -> dict[str, Mail]:
        each = [sandbox.api.get(f"messages/{row['id']}") for row in sandbox.messages()]
        assert {mail["configuration_set"] for mail in each} == {"mailplatform-none"}
        return {mail["to"][0]: Mail(mail["html"]) for mail in each}

    return mails


@pytest.fixture
def by_smtp(settings: Settings, site_url: str) -> Iterator[Mails]:
    """What an SMTP server received."""
    with fake_smtp() as fake:
        settings.SMTP_URL, settings.SMTP_RATE = fake.url, 500.0
        yield lambda: {letter.to: Mail(_html_of(letter.raw)) for letter in fake.letters}
        transport = clients.sender()._transport
        assert isinstance(transport, smtp.SmtpTransport)
        transport.close()


@pytest.fixture(params=["from_amazon", "by_smtp"])
def mails(request: pytest.FixtureRequest) -> Mails:
    found: Mails = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def audience(site: Installation) -> MailingList:
    workers.empty_queues()
    return make_list()


def _html_of(raw: bytes) -> str:
    parsed = email.message_from_bytes(raw, policy=email.policy.default)
    body = parsed.get_body(("html",))
    assert body is not None
    return str(body.get_content())


def people(audience: MailingList, **wanted: tuple[bool, bool]) -> dict[str, Subscriber]:
    """Name people by what they agreed to: opens, clicks."""
    return {
        name: make_people(1, audience, opens_allowed=opens, clicks_allowed=clicks)[0]
        for name, (opens, clicks) in wanted.items()
    }


def send(audience: MailingList) -> Run:
    campaign = factories.make_campaign(
        template=factories.make_template(html=HTML), track_opens=True, track_clicks=True
    )
    campaign.lists.add(audience)
    run = runs.launch(campaign=campaign, actor=None)
    assert prepare.prepare(run.pk)
    quota.refresh()
    drain.drain(run.pk, seconds=20, sleep=nap)
    run.refresh_from_db()
    assert (run.state, run.pause_reason) == ("sent", "")
    return run


def ask(url: str, method: str = "GET", **form: str) -> Answer:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=20)
    headers = {"User-Agent": PERSON_AGENT}
    if form:
        method, headers["Content-Type"] = "POST", "application/x-www-form-urlencoded"
    try:
        connection.request(method, f"{parts.path}?{parts.query}", urlencode(form) or None, headers)
        answer = connection.getresponse()
        return Answer(answer.status, answer.headers.get("Location", ""), answer.read())
    finally:
        connection.close()


def read(mail: Mail) -> list[str]:
    """Load the pixel and follow what a person can see, where the mail has that; return where the links led."""
    if mail.pixel:
        assert ask(mail.pixel).status == 200
    answers = [ask(link) for link in mail.own[:2]]
    assert {answer.status for answer in answers} <= {302}
    return [answer.location for answer in answers]


def stored(run: Run, person: Subscriber) -> Tally[str]:
    found = Event.objects.filter(run_id=run.pk, subscriber_id=person.pk, type__in=("open", "click"))
    return Tally(found.values_list("type", flat=True))


def untracked(run: Run) -> tuple[int, int]:
    found = report.report(run)
    return found.untracked_opens, found.untracked_clicks


def agrees(run: Run) -> bool:
    call_command("recompute_counters", run.pk)
    return True


def test_a_withdrawal_and_an_erasure_silence_mail_that_was_sent_long_ago(
    audience: MailingList, mails: Mails
) -> None:
    both = (True, True)
    who = people(
        audience,
        stays=both,
        withdraws=both,
        erased=both,
        opens=(True, False),
        clicks=(False, True),
        no=(False, False),
    )
    run = send(audience)
    arrived = {name: mails()[person.email] for name, person in who.items()}

    # Those who agreed carry what they agreed to, and nobody else's mail tells them apart.
    assert {name: (bool(mail.pixel), len(mail.own)) for name, mail in arrived.items()} == {
        **dict.fromkeys(("stays", "withdraws", "erased"), (True, 3)),
        "opens": (True, 0), "clicks": (False, 3), "no": (False, 0),
    }  # fmt: skip
    plain = [SALE, f"{HELLO}Ada <b>", f"{installation.public_url()}{honeypot.PATH}"]
    assert all(link in arrived["no"].links for link in plain)
    assert "awstrack" not in str(arrived)
    assert "_sandbox" not in str(arrived)
    accepted = Delivery.objects.filter(run_id=run.pk, state="accepted")
    assert (accepted.count(), accepted.filter(opens_tracked=True).count()) == (6, 4)

    # They read, and are counted.
    assert {name: read(mail) for name, mail in arrived.items()} == {
        **{name: [SALE, ADA] for name in ("stays", "withdraws", "erased", "clicks")}, "opens": [], "no": [],
    }  # fmt: skip
    each = {"open": 1, "click": 2}
    wait_for(lambda: Event.objects.filter(run_id=run.pk).count() == 3 * 3 + 1 + 2)
    assert {name: stored(run, person) for name, person in who.items()} == {
        **dict.fromkeys(("stays", "withdraws", "erased"), each), "opens": {"open": 1}, "clicks": {"click": 2}, "no": {},
    }  # fmt: skip
    assert (report.report(run).opened, report.report(run).clicked) == (4, 4)
    assert untracked(run) == (0, 0)
    assert agrees(run)

    # One takes it back on the hosted page, one is erased. Their mails are still in their mailboxes, and still work.
    assert ask(arrived["withdraws"].settings, action="save", list=str(audience.pk)).status == 200
    erasure.erase(subscriber_id=who["erased"].pk, actor=None, source="test")
    before = {name: stored(run, person) for name, person in who.items()}
    assert read(arrived["withdraws"]) == [SALE, ADA]
    assert read(arrived["erased"]) == [SALE, f"{HELLO}there"]
    assert read(arrived["stays"]) == [SALE, ADA]
    wait_for(lambda: stored(run, who["stays"]) == {"open": 2, "click": 4} and untracked(run) == (2, 4))
    after = {name: stored(run, person) for name, person in who.items()}
    assert after == {**before, "stays": {"open": 2, "click": 4}}
    assert agrees(run)


def test_what_is_no_link_of_a_mail_leads_nowhere(audience: MailingList, from_amazon: Mails) -> None:
    people(audience, ada=(True, True))
    run = send(audience)
    (mail,) = from_amazon().values()
    link, base = mail.own[0], installation.public_url()
    token = urlsplit(link).path.split("/")[2]
    for wrong in (
        f"{link[:-12]}{'0' * 12}",
        f"{base}{LINK_PATH}{token[:-1]}x/{link[-12:]}",
        f"{base}{LINK_PATH}https://evil.example/{link[-12:]}",
        f"{base}{LINK_PATH}?to=https://evil.example",
    ):
        answer = ask(wrong)
        assert (answer.status, answer.location) == (404, ""), wrong
        assert b"evil" not in answer.body
        assert token.encode() not in answer.body
    assert ask(f"{link}?to=https://evil.example").location == SALE
    assert ask(link, "POST", to="https://evil.example").status == 405
    assert ask(f"{base}{PIXEL_PATH}nonsense.gif").status == 200
    wait_for(lambda: Event.objects.filter(run_id=run.pk).count() == 1)
    # Neither token opens what the other one does.
    assert ask(f"{base}/p/{token}/").status == 404
    unsubscribing = urlsplit(mail.settings).path.split("/")[2]
    assert ask(f"{base}{LINK_PATH}{unsubscribing}/{link[-12:]}").status == 404


def test_simulated_readers_are_counted_only_where_they_agreed(
    audience: MailingList, sandbox: RunningSandbox, from_amazon: Mails
) -> None:
    agreed = make_people(12, audience, opens_allowed=True, clicks_allowed=True)
    make_people(12, audience)
    sandbox.api.put(
        "readers",
        enabled=True,
        open=1,
        click=1,
        unsubscribe=0,
        proxy_open=0,
        scanner=0,
        min_delay=0,
        max_delay=0.2,
    )
    run = send(audience)
    sandbox.wait_quiet()
    actions = sandbox.api.get("readers")["actions"]
    assert {name: count for name, count in actions.items() if count} == {"opens": 12, "clicks": 12}
    people_of_run = Outcome.objects.filter(run_id=run.pk)
    wait_for(lambda: people_of_run.filter(opened_at__isnull=False, clicked_at__isnull=False).count() == 12)
    assert set(people_of_run.values_list("subscriber_id", flat=True)) == {person.pk for person in agreed}
    assert not Counter.objects.filter(run_id=run.pk, type__endswith="_untracked").exists()
    assert agrees(run)
