"""Our own pixel and redirect, asked by ASGI as the server asks: what is answered, and what is counted."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from campaigns import honeypot
from campaigns.models import Delivery
from events import click_map, ingest, tracking
from events.models import Counter, DeadLetter, Event, Heartbeat, Link, Outcome
from events.selectors import intake, report
from events.services import classifying, completeness, recounting, settling
from mailplatform.core import clock
from subscribers.models import Profile, Subscriber
from subscribers.services import erasure
from tests.factories.events import PERSON_AGENT, inbound, make_delivery, make_person, make_run, payload
from tests.factories.tracking import SHOP, Readers, link_of, make_tracked_run, pixel_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("month")]
PERSONAL = "https://shop.example/hello?name={{html.name}}&id=7"


def reader(*, opens: bool = True, clicks: bool = True) -> Subscriber:
    return make_person(opens=opens, clicks=clicks)


def counted(run_id: int) -> dict[str, int]:
    """Events by type, with `!` for those of machines."""
    found: dict[str, int] = {}
    for row in Counter.objects.filter(run_id=run_id):
        name = row.type + "!" * row.is_machine
        found[name] = found.get(name, 0) + row.events
    return {name: number for name, number in found.items() if number}


def test_pixel_is_a_picture_that_nobody_keeps_and_counts_once(readers: Readers) -> None:
    run, person = make_tracked_run(), reader()
    answer = readers.get(pixel_of(run, person))
    assert (answer.status, len(answer.body), answer.body[:6]) == (200, 43, b"GIF89a")
    assert answer.headers["content-type"] == "image/gif"
    assert answer.headers["cache-control"] == "no-store, private"
    assert answer.headers["content-length"] == "43"
    readers.settle()
    event, outcome = Event.objects.get(), Outcome.objects.get()
    assert (event.type, event.run_id, event.subscriber_id) == ("open", run.pk, person.pk)
    assert (event.message_id, event.is_machine, event.detail) == ("", False, {"agent": "desktop"})
    assert outcome.opened_at == outcome.state_at == event.occurred_at
    assert outcome.provider == "example.org"
    assert Profile.objects.get(pk=person.pk).last_opened_at == event.occurred_at
    assert counted(run.pk) == {"open": 1}


def test_link_leads_where_the_author_wrote_and_counts(readers: Readers) -> None:
    run, person = make_tracked_run(), reader()
    answer = readers.get(link_of(run, person))
    assert (answer.status, answer.location, answer.body) == (302, SHOP, b"")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["x-robots-tag"].startswith("noindex")
    readers.settle()
    event = Event.objects.get()
    assert (event.type, Link.objects.get(pk=event.link_id or 0).url) == ("click", SHOP)
    assert Outcome.objects.get().clicked_at == event.occurred_at
    assert counted(run.pk) == {"click": 1}


@pytest.mark.parametrize("tail", ["/", ""])
def test_slash_at_the_end_and_a_query_change_nothing(readers: Readers, tail: str) -> None:
    run, person = make_tracked_run(), reader()
    answer = readers.get(link_of(run, person) + tail, query=b"fbclid=https://evil.example")
    assert (answer.status, answer.location) == (302, SHOP)


def test_link_of_each_person_leads_everybody_to_their_own(readers: Readers) -> None:
    run, person, other = make_tracked_run(PERSONAL), reader(), reader()
    Subscriber.objects.filter(pk=other.pk).update(name="Zoë & Co")
    answers = readers.ask(*(link_of(run, who, PERSONAL) for who in (person, other)))
    assert [answer.location for answer in answers] == [
        "https://shop.example/hello?name=Ada&id=7",
        "https://shop.example/hello?name=Zo%C3%AB%20&%20Co&id=7",
    ]
    readers.settle()
    assert Link.objects.get().url == "https://shop.example/hello?name=…&id=7"
    assert Event.objects.values_list("link_id").distinct().count() == 1


def test_people_without_consent_are_led_on_and_leave_a_number(readers: Readers) -> None:
    run, person = make_tracked_run(), reader(opens=False, clicks=False)
    assert readers.get(link_of(run, person)).location == SHOP
    assert readers.get(pixel_of(run, person)).status == 200
    readers.settle()
    assert counted(run.pk) == {"open_untracked": 1, "click_untracked": 1}
    assert not any(model.objects.exists() for model in (Event, Outcome, Link, DeadLetter))


def test_each_consent_stands_for_itself(readers: Readers) -> None:
    run, person = make_tracked_run(), reader(opens=False)
    readers.ask(link_of(run, person), pixel_of(run, person))
    readers.settle()
    assert counted(run.pk) == {"click": 1, "open_untracked": 1}


def test_withdrawal_silences_mail_already_sent(readers: Readers) -> None:
    run, person = make_tracked_run(), reader()
    paths = pixel_of(run, person), link_of(run, person)
    readers.ask(*paths)
    readers.settle()
    before = list(Event.objects.values()), list(Outcome.objects.values())
    Profile.objects.filter(pk=person.pk).update(opens_allowed=False, clicks_allowed=False)
    assert [answer.status for answer in readers.ask(*paths)] == [200, 302]
    readers.settle()
    assert (list(Event.objects.values()), list(Outcome.objects.values())) == before
    assert counted(run.pk) == {"open": 1, "click": 1, "open_untracked": 1, "click_untracked": 1}


def test_consent_is_asked_when_the_visit_is_stored_not_when_it_came(readers: Readers) -> None:
    run, person = make_tracked_run(), reader()
    readers.site.tracking.writer.start = lambda: None  # type: ignore[method-assign]
    readers.get(pixel_of(run, person))
    Profile.objects.filter(pk=person.pk).update(opens_allowed=False)
    del readers.site.tracking.writer.start
    readers.site.tracking.writer.start()
    readers.settle()
    assert counted(run.pk) == {"open_untracked": 1}


def test_erased_person_is_led_on_and_leaves_a_number(readers: Readers) -> None:
    run, person = make_tracked_run(PERSONAL), reader()
    path = link_of(run, person, PERSONAL)
    readers.get(path)
    readers.settle()
    erasure.erase(subscriber_id=person.pk, actor=None, source="test")
    stored = Event.objects.count()
    answer = readers.get(path)
    assert (answer.status, answer.location) == (302, "https://shop.example/hello?name=there&id=7")
    readers.get(pixel_of(run, person))
    readers.settle()
    assert Event.objects.count() == stored
    assert counted(run.pk)["click_untracked"] == counted(run.pk)["open_untracked"] == 1


def test_head_is_answered_like_get_without_a_body_and_counts_as_a_machine(readers: Readers) -> None:
    run, person = make_tracked_run(), reader()
    pixel, link = readers.ask(pixel_of(run, person), link_of(run, person), method="HEAD")
    assert (pixel.status, pixel.body, pixel.headers["content-length"]) == (200, b"", "43")
    assert (link.status, link.location, link.body) == (302, SHOP, b"")
    readers.settle()
    assert set(Event.objects.values_list("machine_reason", flat=True)) == {"head"}
    assert counted(run.pk) == {"open!": 1, "click!": 1}
    assert Profile.objects.get(pk=person.pk).last_opened_at is None


@pytest.mark.parametrize(
    ("agent", "reason"),
    [
        (None, "no_agent"),
        ("", "no_agent"),
        ("Mozilla/5.0", "apple_privacy"),
        ("Mozilla/5.0 (via ggpht.com GoogleImageProxy)", "google_proxy"),
        ("Barracuda Sentinel (EE)", "scanner"),
        ("curl/8.5", "script"),
    ],
)
def test_machines_are_known_by_what_they_say(readers: Readers, agent: str | None, reason: str) -> None:
    run, person = make_tracked_run(), reader()
    readers.get(pixel_of(run, person), agent=agent)
    readers.settle()
    assert Event.objects.get().machine_reason == reason


def test_machines_are_known_by_the_company_they_keep(readers: Readers, time_machine: Any) -> None:
    """A scanner that follows all links at once, also the one that no reader can see."""
    trap = f"https://mail.shop.example{honeypot.PATH}"
    targets = [SHOP, "https://shop.example/b", trap]
    run, scanner, person = make_tracked_run(*targets), reader(), reader()
    answers = readers.ask(*(link_of(run, scanner, target) for target in targets), link_of(run, person))
    assert [answer.location for answer in answers] == [*targets, SHOP]
    readers.settle()
    time_machine.move_to(clock.now() + timedelta(minutes=2))
    classifying.classify_machines()
    assert set(Event.objects.filter(subscriber_id=scanner.pk).values_list("is_machine", flat=True)) == {True}
    assert Event.objects.get(subscriber_id=person.pk).is_machine is False
    assert recounting.compare(run.pk) == []
    assert [link.url for link in report.links(run)] == [SHOP, "https://shop.example/b"]


def test_hit_before_the_delivery_is_a_machines(readers: Readers, time_machine: Any) -> None:
    run, person = make_tracked_run(), reader()
    readers.get(pixel_of(run, person))
    readers.settle()
    at = clock.now() + timedelta(seconds=5)
    time_machine.move_to(at + timedelta(minutes=2))
    ingest.take_in([inbound(payload("Delivery", run, person, at=at), at=at)])
    classifying.classify_machines()
    assert Event.objects.get(type="open").machine_reason == "before_delivery"
    assert recounting.compare(run.pk) == []


def test_report_click_map_and_counters_agree(readers: Readers) -> None:
    run = make_tracked_run(SHOP, PERSONAL)
    people = [reader() for _ in range(6)]
    for person in people:
        make_delivery(run, person, opens_tracked=True, clicks_tracked=True)
        readers.ask(pixel_of(run, person), pixel_of(run, person), link_of(run, person))
    readers.ask(*(link_of(run, person, PERSONAL) for person in people[:3]))
    readers.settle()
    figures = report.report(run)
    assert (figures.opened, figures.clicked, figures.delivered) == (6, 6, 6)
    assert counted(run.pk) == {"open": 12, "click": 9}
    assert recounting.compare(run.pk) == []
    rows = {link.url: (link.total, link.unique) for link in report.links(run)}
    assert rows == {SHOP: (6, 6), "https://shop.example/hello?name=…&id=7": (3, 3)}
    copy = '<a href="https://shop.example/a?x=1&amp;y=2">1</a><a href="https://shop.example/hello?name=&amp;id=7">2</a>'
    assert click_map.shown_links(copy, rows) == set(rows)


def test_own_hits_prove_nothing_of_amazons_channel(readers: Readers) -> None:
    run, person = make_tracked_run(), reader()
    make_delivery(run, person)
    readers.ask(pixel_of(run, person), link_of(run, person))
    readers.close()
    assert Event.objects.count() == 2
    assert not Heartbeat.objects.exists()
    assert intake.lag().events == 0
    assert intake.intake().last_message_at is None
    start = clock.now() - timedelta(minutes=1)
    channel = completeness.channel_around("mailplatform-none", start, clock.now(), queue=0)
    assert channel.before_complete == channel.after_complete == 0
    assert not channel.is_proof


def test_own_hit_settles_a_mail_whose_answer_was_lost(readers: Readers) -> None:
    run, person = make_tracked_run(), reader()
    make_delivery(run, person, state="unresolved", reason="lost_answer")
    readers.get(pixel_of(run, person))
    readers.settle()
    assert settling.settle_unresolved() == 1
    assert Delivery.objects.get(run_id=run.pk).state == "accepted"


def test_runs_that_amazon_counts_are_not_ours(readers: Readers) -> None:
    """The token is genuine, and no mail of that run ever held it."""
    run, person = make_run(), reader()
    assert readers.get(pixel_of(run, person)).status == 200
    assert readers.get(link_of(run, person)).status == 404
    readers.settle()
    assert not Event.objects.exists()
    assert not Counter.objects.exists()


def test_page_of_a_broken_link_says_so_in_the_readers_language(client: Client) -> None:
    answer = client.get("/l/", headers={"Accept-Language": "de"})
    assert (answer.status_code, answer["Content-Language"]) == (404, "de")
    assert "noindex" in answer["X-Robots-Tag"]
    assert answer["Referrer-Policy"] == "no-referrer"
    page = answer.content.decode()
    assert "Wohin er führen soll, wissen wir deshalb nicht." in page
    assert "keine Mails mehr" not in page


def test_one_mail_is_counted_so_often_a_minute_and_no_more(readers: Readers) -> None:
    run, person, other = make_tracked_run(), reader(), reader()
    path = pixel_of(run, person)
    answers = readers.ask(*[path] * (tracking.VISITS_A_MINUTE + 50), pixel_of(run, other))
    assert {answer.status for answer in answers} == {200}
    readers.settle()
    assert Event.objects.filter(subscriber_id=person.pk).count() == tracking.VISITS_A_MINUTE
    assert Event.objects.filter(subscriber_id=other.pk).count() == 1


def test_agent_of_a_reader_is_not_stored(readers: Readers) -> None:
    run, person = make_tracked_run(), reader()
    readers.get(pixel_of(run, person), agent=f"{PERSON_AGENT} secretword", client="198.51.100.77")
    readers.settle()
    stored = str([list(model.objects.values()) for model in (Event, Outcome, Counter, Link)])
    assert "secretword" not in stored
    assert "198.51.100" not in stored


@pytest.mark.parametrize(
    "name",
    ["Dockerfile", "docker-compose.yml", "mailplatform/management/commands/demo.py",
     "mailplatform/management/chaos/lab.py"],
)  # fmt: skip
def test_no_server_of_ours_writes_down_who_came(name: str) -> None:
    lines = (settings.BASE_DIR / name).read_text().splitlines()
    starts = [line for line in lines if "mailplatform.asgi:application" in line]
    assert starts
    assert all("--no-access-log" in line for line in starts)
