"""What a stranger can try at our pixel and redirect: nothing is counted, leads elsewhere or comes back."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from structlog.testing import capture_logs

from campaigns import tokens
from campaigns.own_links import LINK_PATH, PIXEL_PATH, key_of
from events.models import Counter, Event
from events.visit_writer import VisitWriter
from mailplatform.core.flood import BAD_POSTS
from subscribers.models import Subscriber
from tests.factories.events import make_person
from tests.factories.tracking import SHOP, Readers, link_of, make_tracked_run, pixel_of
from tests.factories.waiting import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("month")]
PERSONAL = "https://shop.example/{{html.name}}"


def nothing_happened(readers: Readers) -> bool:
    readers.settle()
    return not Event.objects.exists() and not Counter.objects.exists()


def bad_tokens() -> dict[str, str]:
    good = tokens.make_tracking_token(1, 1)
    return {
        "empty": "",
        "cut": good[:-1],
        "longer": good + "A",
        "changed": good[:20] + ("A" if good[20] != "A" else "B") + good[21:],
        "of leaving": tokens.make_unsubscribe_token(1, 1),
        "of a test mail": tokens.make_test_token(1, 1),
        "of the archive": tokens.make_archive_token(1),
        "zeros": "A" * 40,
        "letters of elsewhere": "é" * 40,
        "line ends": good[:20] + "\r\nSet-Cookie: a=1\r\n" + good[38:],
        "nothing": "\0" * 40,
    }


@pytest.mark.parametrize("name", list(bad_tokens()))
def test_bad_token_leads_nowhere_and_counts_nothing(readers: Readers, name: str) -> None:
    make_tracked_run()
    token = bad_tokens()[name]
    link, pixel = readers.ask(f"{LINK_PATH}{token}/{key_of(SHOP)}", f"{PIXEL_PATH}{token}.gif")
    assert (link.status, link.body) == (404, b"This link does not work")
    assert (pixel.status, len(pixel.body)) == (200, 43)
    assert nothing_happened(readers)


def test_tracking_token_opens_nothing_else() -> None:
    token = tokens.make_tracking_token(1, 1)
    for read in (tokens.read_unsubscribe_token, tokens.read_archive_token):
        with pytest.raises(tokens.InvalidToken):
            read(token)


@pytest.mark.parametrize(
    "key", ["", "x", "0" * 12, "0" * 5_000, "https://evil.example", "//evil.example", "../..", "%0d%0a", "\r\nX: 1"]
)  # fmt: skip
def test_key_that_is_not_of_this_mail_leads_nowhere(readers: Readers, key: str) -> None:
    run, person = make_tracked_run(), make_person(opens=True, clicks=True)
    path = link_of(run, person).removesuffix(key_of(SHOP))
    assert [answer.status for answer in readers.ask(path + key, path + key)] == [404, 404]
    assert nothing_happened(readers)


def test_key_of_another_run_leads_nowhere(readers: Readers) -> None:
    other = "https://elsewhere.example/b"
    run, person = make_tracked_run(), make_person(opens=True, clicks=True)
    strange = make_tracked_run(other)
    assert readers.get(link_of(strange, person, other)).status == 302
    assert readers.get(link_of(run, person, other)).status == 404
    assert readers.get(link_of(run, person)).status == 302
    assert readers.get(link_of(run, person, other)).status == 404
    readers.settle()
    assert not Event.objects.filter(run_id=run.pk).exclude(type="click").exists()
    assert Event.objects.filter(run_id=run.pk).count() == 1


@pytest.mark.parametrize(
    "path",
    [
        "/l/https://evil.example/", "/l//evil.example", "/l/../../../etc/passwd", "/l/" + "a/" * 4_000,
        "/l/" + "A" * 60_000, "/l/\u202e", "/l/<script>alert(1)</script>/x", "/l/",
    ],
)  # fmt: skip
def test_strange_paths_get_the_page_and_the_page_learns_nothing(readers: Readers, path: str) -> None:
    answer = readers.get(path, query=b"next=https://evil.example")
    assert answer.status == 404
    (seen,) = readers.pages
    assert (seen["path"], seen["raw_path"], seen["query_string"]) == ("/l/", b"/l/", b"")


@pytest.mark.parametrize(
    "path", ["/o/", "/o/x", "/o/" + "A" * 60_000, "/o/../../l/", "/o/<b>.gif", "/o/\r\n.gif"]
)
def test_strange_pixels_are_the_picture(readers: Readers, path: str) -> None:
    answer = readers.get(path)
    assert (answer.status, len(answer.body)) == (200, 43)
    assert nothing_happened(readers)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "PROPFIND", "get"])
def test_only_get_and_head_are_answered(readers: Readers, method: str) -> None:
    run, person = make_tracked_run(), make_person(opens=True, clicks=True)
    for answer in readers.ask(pixel_of(run, person), link_of(run, person), method=method):
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert method.encode() not in answer.body.split()
    assert nothing_happened(readers)


@pytest.mark.parametrize(
    "name",
    ["a\r\nSet-Cookie: x=1", "\x00\x01", "\u2028\u0085b", "//evil.example/", "\\evil.example", "@evil.example",
     "é" * 150]
)  # fmt: skip
def test_a_persons_data_stays_in_the_path(readers: Readers, name: str) -> None:
    run, person = make_tracked_run(PERSONAL), make_person(opens=True, clicks=True)
    # As no form would take it: straight into the row.
    Subscriber.objects.filter(pk=person.pk).update(name=name.replace("\0", ""))
    answer = readers.get(link_of(run, person, PERSONAL))
    assert answer.status in {302, 404}
    if answer.status == 302:
        assert answer.location.startswith("https://shop.example/")
        assert answer.location.isascii()
        assert answer.location.isprintable()
        assert "\\" not in answer.location


@pytest.mark.parametrize(
    "target",
    [
        "https://{{html.name}}/x",
        "https://shop{{html.name}}/x",
        "{{html.name}}",
        "javascript:alert(1)",
        "//evil.example/",
    ],
)
def test_host_never_hangs_on_a_person_even_where_a_version_says_so(readers: Readers, target: str) -> None:
    """Publishing never writes such a link; the redirect does not rely on that."""
    run, person = make_tracked_run(target), make_person(opens=True, clicks=True)
    Subscriber.objects.filter(pk=person.pk).update(name="evil.example")
    assert readers.get(link_of(run, person, target)).status == 404
    assert nothing_happened(readers)


def test_flood_of_bad_links_gets_no_pages_and_holds_no_good_one_back(readers: Readers) -> None:
    run, person = make_tracked_run(), make_person(opens=True, clicks=True)
    bad = f"{LINK_PATH}{'A' * 40}/{key_of(SHOP)}"
    answers = readers.ask(*[bad] * (BAD_POSTS * 2))
    assert [answer.status for answer in answers] == [404] * (BAD_POSTS - 1) + [429] * (BAD_POSTS + 1)
    assert len(readers.pages) == BAD_POSTS - 1
    assert answers[-1].headers["retry-after"] == "60"
    assert [readers.get(path).status for path in (link_of(run, person), pixel_of(run, person))] == [302, 200]
    assert readers.get(bad, client="198.51.100.1").status == 404


def test_neighbours_of_one_network_are_one_stranger(readers: Readers) -> None:
    bad = f"{LINK_PATH}x"
    for number in range(BAD_POSTS):
        readers.get(bad, client=f"2001:db8::{number:x}")
    assert readers.get(bad, client="2001:db8::ffff").status == 429
    assert readers.get(bad, client="2001:db8:0:1::1").status == 404


def test_logs_hold_no_token(readers: Readers, caplog: pytest.LogCaptureFixture) -> None:
    run, person = make_tracked_run(), make_person(opens=True, clicks=True)
    with caplog.at_level(logging.DEBUG):
        readers.ask(link_of(run, person), pixel_of(run, person), link_of(run, person) + "0")
        readers.settle()
    assert tokens.make_tracking_token(run.pk, person.pk) not in caplog.text


def test_links_are_looked_up_by_few_and_waited_for_by_a_bounded_number(
    readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("events.tracking.MAX_LOOKING_UP", 3)
    run, person = make_tracked_run(PERSONAL), make_person(opens=True, clicks=True)
    answers = readers.ask(*[link_of(run, person, PERSONAL)] * 8)
    statuses = sorted(answer.status for answer in answers)
    assert statuses == [302] * 3 + [503] * 5
    assert answers[-1].headers["retry-after"] == "60"


def _connect(settings_dict: dict[str, Any], host: str, port: str) -> None:
    settings_dict["HOST"], settings_dict["PORT"] = host, port


def test_database_away_and_back(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known is answered, the rest is told to come again, and what was seen meanwhile is stored afterwards."""
    monkeypatch.setattr("events.visit_writer.RETRY_SECONDS", 0.05)
    run, person = make_tracked_run(SHOP, PERSONAL), make_person(opens=True, clicks=True)
    plain, own, pixel = link_of(run, person), link_of(run, person, PERSONAL), pixel_of(run, person)
    readers.get(plain)
    readers.settle()
    with database_at("127.0.0.1", 1):
        assert [answer.status for answer in readers.ask(plain, own, pixel)] == [302, 503, 200]
        asyncio.run(asyncio.sleep(0.3))
    readers.settle()
    assert sorted(Event.objects.values_list("type", flat=True)) == ["click", "click", "open"]


@contextlib.contextmanager
def database_at(host: str, port: int) -> Iterator[None]:
    good = connection.settings_dict["HOST"], connection.settings_dict["PORT"]
    _connect(connection.settings_dict, host, str(port))
    try:
        yield
    finally:
        _connect(connection.settings_dict, *good)


def told(said: list[Any], event: str) -> list[int]:
    return [entry["visits"] for entry in said if entry["event"] == event]


def test_database_away_until_the_end(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stop does not wait for a database that is away; how many visits are lost, and were dropped before, is said."""
    monkeypatch.setattr("events.visit_writer.MAX_WAITING", 4)
    monkeypatch.setattr("events.visit_writer.GATHER_SECONDS", 0.5)
    run, person = make_tracked_run(), make_person(opens=True, clicks=True)
    readers.get(link_of(run, person))
    readers.settle()
    with database_at("127.0.0.1", 1), capture_logs() as said:
        readers.ask(*[pixel_of(run, person)] * 12)
        readers.settle()
    (lost,), (dropped,) = told(said, "visits_lost"), told(said, "visits_dropped")
    assert lost + dropped == 12
    assert lost >= 4
    readers.get(pixel_of(run, person))
    readers.settle()
    assert Event.objects.filter(type="open").count() == 1


def test_database_that_says_nothing_until_the_end(readers: Readers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever hangs is not waited for either, and it is said what they held."""
    monkeypatch.setattr(VisitWriter, "stop_seconds", 0.5)
    run, person = make_tracked_run(), make_person(opens=True, clicks=True)
    readers.get(link_of(run, person))
    readers.settle()
    writer = readers.site.tracking.writer
    with socket.create_server(("127.0.0.1", 0)) as silent, capture_logs() as said:
        with database_at(*silent.getsockname()):
            readers.ask(*[pixel_of(run, person)] * 7)
            wait_for(lambda: writer._held == 7)
            thread = writer._thread
            writer.stop()
        assert told(said, "visits_lost") == [7]
    assert thread is not None
    thread.join(20)
    assert not thread.is_alive()


def test_more_visits_than_memory_are_dropped_and_counted(
    readers: Readers, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("events.visit_writer.MAX_WAITING", 5)
    monkeypatch.setattr("events.visit_writer.GATHER_SECONDS", 0.3)
    run, person = make_tracked_run(), make_person(opens=True, clicks=True)
    answers = readers.ask(*[pixel_of(run, person)] * 20)
    assert {answer.status for answer in answers} == {200}
    writer = readers.site.tracking.writer
    readers.settle()
    assert Event.objects.count() + writer.dropped == 20
    assert writer.dropped >= 14
    assert "visits_dropped" in caplog.text


def test_graceful_stop_stores_what_was_seen(readers: Readers) -> None:
    run = make_tracked_run()
    people = [make_person(opens=True, clicks=True) for _ in range(30)]
    waiting = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
    sent: list[str] = []

    async def receive() -> Any:
        if waiting[0]["type"] == "lifespan.shutdown":
            await asyncio.to_thread(readers.ask, *(pixel_of(run, person) for person in people))
        return waiting.pop(0)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    asyncio.run(readers.site({"type": "lifespan"}, receive, send))
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert Event.objects.count() == 30
