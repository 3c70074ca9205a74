"""Scanners that only their pattern gives away leave the figures; the counters move with them."""

from datetime import timedelta
from typing import Any

import pytest

from events import ingest
from events.models import Counter, Event, Outcome
from events.services import classifying, recounting, rollups
from mailplatform.core import clock
from subscribers.models import Profile
from tests.factories.events import inbound, make_person, make_run, payload

pytestmark = pytest.mark.django_db


def take(*data: dict[str, Any]) -> None:
    ingest.take_in([inbound(item) for item in data])


def people(run_id: int, kind: str, *, machine: bool) -> int:
    rows = Counter.objects.filter(run_id=run_id, type=kind, link_id=0, is_machine=machine)
    return sum(rows.values_list("people", flat=True))


def test_scanner_that_follows_every_link_is_taken_out(time_machine: Any) -> None:
    start = clock.now() - timedelta(hours=2)
    time_machine.move_to(start, tick=False)
    run, scanner, reader = make_run(), make_person(clicks=True, opens=True), make_person(clicks=True)
    for person in (scanner, reader):
        take(payload("Delivery", run, person, at=start - timedelta(minutes=5)))
    for n in range(4):
        take(
            payload("Click", run, scanner, at=start + timedelta(seconds=n / 3), link=f"https://x.example/{n}")
        )
        take(
            payload("Click", run, reader, at=start + timedelta(seconds=40 * n), link=f"https://x.example/{n}")
        )
    assert people(run.pk, "click", machine=False) == 2
    time_machine.move_to(start + timedelta(minutes=5))
    assert classifying.classify_machines() == 4
    assert people(run.pk, "click", machine=False) == 1
    assert people(run.pk, "click", machine=True) == 1
    assert set(Event.objects.filter(is_machine=True).values_list("machine_reason", flat=True)) == {
        "all_links"
    }
    assert Outcome.objects.get(subscriber_id=scanner.pk).clicked_at is None
    assert recounting.compare(run.pk) == []


def test_looking_again_changes_nothing(time_machine: Any) -> None:
    start = clock.now() - timedelta(hours=2)
    time_machine.move_to(start, tick=False)
    run, person = make_run(), make_person(clicks=True)
    for n in range(3):
        take(payload("Click", run, person, at=start, link=f"https://x.example/{n}"))
    time_machine.move_to(start + timedelta(minutes=1))
    assert classifying.classify_machines() == 3
    before = list(Counter.objects.order_by("hour", "type", "link_id", "is_machine").values())
    assert classifying.classify_machines() == 0
    assert list(Counter.objects.order_by("hour", "type", "link_id", "is_machine").values()) == before


def test_open_before_delivery_is_a_machine(time_machine: Any) -> None:
    start = clock.now() - timedelta(hours=2)
    time_machine.move_to(start, tick=False)
    run, person = make_run(), make_person(opens=True)
    take(payload("Open", run, person, at=start - timedelta(seconds=20)))
    take(payload("Delivery", run, person, at=start))
    take(payload("Open", run, person, at=start + timedelta(minutes=1)))
    time_machine.move_to(start + timedelta(minutes=2))
    assert classifying.classify_machines() == 1
    assert people(run.pk, "open", machine=False) == 1
    assert people(run.pk, "open", machine=True) == 1
    assert recounting.compare(run.pk) == []


def test_late_marking_also_corrects_what_the_profile_says(time_machine: Any) -> None:
    start = clock.now() - timedelta(hours=2)
    time_machine.move_to(start, tick=False)
    older, run, person = make_run(), make_run(), make_person(clicks=True, opens=True)
    before = start - timedelta(days=3)
    take(
        payload("Open", older, person, at=before),
        payload("Click", older, person, at=before, link="https://x.example/"),
    )
    take(payload("Open", run, person, at=start))
    for n in range(3):
        take(
            payload("Click", run, person, at=start + timedelta(seconds=n / 2), link=f"https://x.example/{n}")
        )
    profile = Profile.objects.get(pk=person.pk)
    assert (profile.opens, profile.clicks) == (2, 4)
    time_machine.move_to(start + timedelta(minutes=5))
    assert classifying.classify_machines() == 4  # the open in the same two seconds is the scanner's as well
    profile.refresh_from_db()
    assert (profile.opens, profile.clicks) == (1, 1)
    assert (
        profile.last_opened_at
        == profile.last_clicked_at
        == Event.objects.get(type="open", run_id=older.pk).occurred_at
    )
    assert rollups.compare() == []


def test_somebody_whose_every_hit_was_a_machines_never_opened_anything(time_machine: Any) -> None:
    start = clock.now() - timedelta(hours=2)
    time_machine.move_to(start, tick=False)
    run, person = make_run(), make_person(clicks=True)
    take(*[payload("Click", run, person, at=start, link=f"https://x.example/{n}") for n in range(3)])
    time_machine.move_to(start + timedelta(minutes=5))
    classifying.classify_machines()
    profile = Profile.objects.get(pk=person.pk)
    assert (profile.clicks, profile.last_clicked_at) == (0, None)


def test_delivery_heard_of_long_after_the_click_still_shows_the_scanner(time_machine: Any) -> None:
    start = clock.now() - timedelta(days=1)
    time_machine.move_to(start, tick=False)
    run, person = make_run(), make_person(clicks=True)
    take(payload("Click", run, person, at=start, link="https://x.example/"))
    time_machine.move_to(start + timedelta(minutes=5))
    assert classifying.classify_machines() == 0
    time_machine.move_to(start + timedelta(hours=6))
    take(payload("Delivery", run, person, at=start + timedelta(minutes=1)))
    time_machine.move_to(start + timedelta(hours=6, minutes=5))
    assert classifying.classify_machines() == 1


def test_link_that_no_reader_sees_gives_its_follower_away(time_machine: Any) -> None:
    start = clock.now() - timedelta(hours=2)
    time_machine.move_to(start, tick=False)
    run, person = make_run(), make_person(clicks=True)
    take(payload("Click", run, person, at=start, link="https://shop.example/"))
    take(
        payload("Click", run, person, at=start + timedelta(seconds=30), link="https://mail.example/mp-trap/")
    )
    time_machine.move_to(start + timedelta(minutes=5))
    assert classifying.classify_machines() == 2
    assert set(Event.objects.values_list("machine_reason", flat=True)) == {"honeypot"}


def test_nothing_is_missed_while_the_job_was_down(time_machine: Any) -> None:
    start = clock.now() - timedelta(days=2)
    time_machine.move_to(start, tick=False)
    classifying.classify_machines()
    run, person = make_run(), make_person(clicks=True)
    time_machine.move_to(start + timedelta(hours=1))
    take(*[payload("Click", run, person, at=start, link=f"https://x.example/{n}") for n in range(3)])
    time_machine.move_to(start + timedelta(days=1))
    assert classifying.classify_machines() == 3
