"""What a group of messages does to the database, in whatever order and however often it comes."""

import itertools
import os
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from django.db import connection
from django.db.models import Sum

from events import ingest
from events.models import Counter, DeadLetter, Event, InboundMessage, Link, Outcome
from mailplatform.core import clock, keys
from subscribers.models import Profile, Subscriber, Suppression
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload, tags

pytestmark = pytest.mark.django_db
SHARED = Path(os.environ.get("SHARED_DATA", "../shared/data")) / "ses-events"


def take(*data: dict[str, Any] | str) -> None:
    ingest.take_in([inbound(item) for item in data])


def people(run_id: int) -> dict[str, int]:
    """People per type, and 'machine <type>'; links left out."""
    found: dict[str, int] = {}
    for row in Counter.objects.filter(run_id=run_id, link_id=0):
        name = f"machine {row.type}" if row.is_machine else row.type
        found[name] = found.get(name, 0) + row.people
    return {name: number for name, number in found.items() if number}


def counted(run_id: int) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in Counter.objects.filter(run_id=run_id):
        found[row.type] = found.get(row.type, 0) + row.events
    return {name: number for name, number in found.items() if number}


def test_delivery_makes_event_outcome_counter_and_profile() -> None:
    run, person = make_run(), make_person("ada@gmail.com")
    take(payload("Delivery", run, person, recipients=[person.email]))
    outcome = Outcome.objects.get(run_id=run.pk, subscriber_id=person.pk)
    assert (outcome.state, outcome.provider) == (30, "Gmail")
    assert outcome.delivered_at is not None
    event = Event.objects.get()
    assert (event.type, event.run_id, event.subscriber_id) == ("delivery", run.pk, person.pk)
    assert people(run.pk) == {"delivery": 1}
    assert Profile.objects.get(pk=person.pk).last_sent_at is not None


def test_events_before_the_delivery_row_wait_for_nothing() -> None:
    run, person = make_run(), make_person()
    take(payload("Bounce", run, person))
    assert Outcome.objects.get().state == 70


def test_the_same_message_eight_times_counts_once() -> None:
    run, person = make_run(), make_person()
    message = inbound(payload("Delivery", run, person, recipients=[person.email]))
    for _ in range(4):
        ingest.take_in([message, message])
    assert counted(run.pk) == {"delivery": 1}
    assert InboundMessage.objects.count() == 1


def test_the_same_event_in_two_messages_counts_once() -> None:
    run, person = make_run(), make_person()
    data = payload("Bounce", run, person)
    take(data)
    take(data)
    assert counted(run.pk) == {"bounce": 1}
    assert people(run.pk) == {"bounce": 1}
    assert InboundMessage.objects.count() == 2


@pytest.mark.parametrize("order", list(itertools.permutations(["Send", "Delivery", "Complaint"])))
def test_a_late_delivery_never_undoes_a_complaint(order: tuple[str, ...]) -> None:
    run, person = make_run(), make_person()
    for kind in order:
        take(payload(kind, run, person, recipients=[person.email]))
    assert Outcome.objects.get().state == 80
    assert people(run.pk) == {"delivery": 1, "complaint": 1}


@pytest.mark.parametrize("order", list(itertools.permutations(["Send", "Delivery", "Bounce"])))
def test_a_bounce_after_delivery_moves_the_person(order: tuple[str, ...]) -> None:
    run, person = make_run(), make_person()
    for kind in order:
        take(payload(kind, run, person, recipients=[person.email]))
    assert people(run.pk) == {"bounce": 1}
    assert counted(run.pk) == {"send": 1, "delivery": 1, "bounce": 1}


def test_all_in_one_group_is_the_same_as_one_by_one() -> None:
    run, person = make_run(), make_person(opens=True, clicks=True)
    data = [
        payload("Send", run, person),
        payload("Delivery", run, person, recipients=[person.email]),
        payload("Open", run, person),
        payload("Click", run, person, link="https://a.example/"),
    ]
    take(*data)
    assert people(run.pk) == {"delivery": 1, "open": 1, "click": 1}


def test_hard_bounce_suppresses_by_keyed_hash() -> None:
    run, person = make_run(), make_person()
    take(payload("Bounce", run, person))
    suppression = Suppression.objects.get()
    assert bytes(suppression.email_key) == keys.email_key(person.email)
    assert suppression.reason == "bounce"


def test_soft_bounce_does_not_suppress() -> None:
    run, person = make_run(), make_person()
    take(payload("Bounce", run, person, bounceType="Transient", bounceSubType="MailboxFull"))
    assert not Suppression.objects.exists()
    assert people(run.pk) == {"soft_bounce": 1}


def test_complaint_suppresses_and_not_spam_does_not() -> None:
    run, person, friend = make_run(), make_person(), make_person()
    take(
        payload("Complaint", run, person), payload("Complaint", run, friend, complaintFeedbackType="not-spam")
    )
    assert [row.reason for row in Suppression.objects.all()] == ["complaint"]
    assert people(run.pk) == {"delivery": 2, "complaint": 1}


def test_address_on_the_accounts_own_list_is_suppressed_here_too() -> None:
    run, person = make_run(), make_person()
    take(payload("Bounce", run, person, bounceSubType="OnAccountSuppressionList"))
    assert Suppression.objects.get().reason == "bounce"
    assert Outcome.objects.get().reason == "OnAccountSuppressionList"


def test_bounce_of_an_erased_person_leaves_only_the_keyed_hash() -> None:
    run, person = make_run(), make_person("gone@example.org")
    data = payload("Bounce", run, person)
    Profile.objects.all().delete()
    person.delete()
    take(data)
    event = Event.objects.get()
    assert (event.subscriber_id, event.message_id, event.detail) == (None, "", {})
    assert bytes(Suppression.objects.get().email_key) == keys.email_key("gone@example.org")
    assert not Profile.objects.exists()


def test_without_consent_an_open_leaves_a_number_and_nothing_else() -> None:
    run, person = make_run(), make_person()
    take(payload("Open", run, person), payload("Click", run, person, link="https://a.example/"))
    assert not Event.objects.exists()
    assert not Outcome.objects.exists()
    assert not Link.objects.exists()
    assert counted(run.pk) == {"open_untracked": 1, "click_untracked": 1}
    profile = Profile.objects.get()
    assert (profile.opens, profile.clicks, profile.last_opened_at) == (0, 0, None)


def test_opens_and_clicks_are_allowed_apart() -> None:
    run, person = make_run(), make_person(clicks=True)
    take(payload("Open", run, person), payload("Click", run, person, link="https://a.example/"))
    assert [event.type for event in Event.objects.all()] == ["click"]
    assert people(run.pk) == {"delivery": 1, "click": 1}


def test_what_is_kept_of_an_open_names_neither_address_nor_machine() -> None:
    run, person = make_run(), make_person(opens=True)
    take(payload("Open", run, person))
    event = Event.objects.get()
    assert event.detail == {"agent": "desktop"}
    stored = str([list(Event.objects.values()), list(Outcome.objects.values())])
    assert "192.0.2.1" not in stored
    assert person.email not in stored
    assert "Chrome" not in stored


def test_proxy_opens_are_kept_apart_from_people() -> None:
    run, person, other = make_run(), make_person(opens=True), make_person(opens=True)
    take(payload("Open", run, person, userAgent="Mozilla/5.0"), payload("Open", run, other))
    assert people(run.pk) == {"delivery": 2, "open": 1, "machine open": 1}
    assert Event.objects.get(is_machine=True).machine_reason == "apple_privacy"
    assert Profile.objects.get(pk=person.pk).opens == 0
    assert Profile.objects.get(pk=other.pk).opens == 1


def test_links_count_total_and_people() -> None:
    run, ada, bob = make_run(), make_person(clicks=True), make_person(clicks=True)
    now = clock.now()
    for n, (person, link) in enumerate([(ada, "a"), (ada, "a"), (ada, "b"), (bob, "a")]):
        take(
            payload(
                "Click",
                run,
                person,
                at=now - timedelta(seconds=100 - 10 * n),
                link=f"https://x.example/{link}",
            )
        )
    rows = Counter.objects.filter(type="click", run_id=run.pk).exclude(link_id=0).values("link_id")
    sums = rows.annotate(all=Sum("events"), persons=Sum("people")).values_list("link_id", "all", "persons")
    figures = {Link.objects.get(pk=pk).url: (total, persons) for pk, total, persons in sums}
    assert figures == {"https://x.example/a": (3, 2), "https://x.example/b": (1, 1)}
    assert people(run.pk)["click"] == 2


def test_personal_links_are_counted_as_one() -> None:
    run, ada, bob = make_run(), make_person("ada@x.example", clicks=True), make_person(clicks=True)
    take(
        payload("Click", run, ada, link="https://site.example/u/abcdefghijklmnopqrstuvwxyz/"),
        payload("Click", run, bob, link="https://site.example/u/ABCDEFGHIJKLMNOPQRSTUVWXYZ/"),
        payload("Click", run, ada, link="https://site.example/?mail=Ada%40x.example"),
    )
    assert sorted(Link.objects.values_list("url", flat=True)) == [
        "https://site.example/?mail=…",
        "https://site.example/u/…",
    ]


def test_diagnostic_keeps_no_address() -> None:
    run, person = make_run(), make_person()
    take(payload("Bounce", run, person))
    assert Event.objects.get().detail["diagnostic"] == "550 no …"


def test_foreign_installation_is_counted_and_ignored() -> None:
    run, person = make_run(), make_person()
    mail = {"tags": tags(run, person, epoch="0" * 32 + "-1")}
    take(payload("Bounce", run, person, mail=mail))
    assert not Event.objects.exists()
    assert not Suppression.objects.exists()
    assert counted(0) == {"foreign": 1}


def test_own_mail_of_an_earlier_epoch_is_ours() -> None:
    run, person = make_run(), make_person()
    epoch = tags(run, person)["mp-epoch"][0].partition("-")[0] + "-0"
    take(payload("Bounce", run, person, mail={"tags": tags(run, person, epoch=epoch)}))
    assert people(run.pk) == {"bounce": 1}


def test_event_without_tags_is_matched_by_recipient_and_message() -> None:
    run, person = make_run(), make_person()
    make_delivery(run, person, message_id="m-x")
    take(payload("Bounce", run, person, mail={"tags": {}, "messageId": "m-x"}))
    assert people(run.pk) == {"bounce": 1}


def test_event_without_tags_and_match_still_suppresses() -> None:
    run, person = make_run(), make_person()
    take(payload("Bounce", run, person, mail={"tags": {}, "messageId": "unknown"}))
    assert Suppression.objects.count() == 1
    event = Event.objects.get()
    assert (event.run_id, event.subscriber_id) == (None, person.pk)


def test_test_mail_counts_nowhere() -> None:
    run, person = make_run(), make_person(opens=True)
    take(
        payload("Open", run, person, mail={"tags": tags(None, None)}),
        payload("Delivery", run, person, mail={"tags": tags(None, None)}),
    )
    assert not Event.objects.exists()
    assert not Counter.objects.exists()


def test_rendering_failure_and_reject_are_outcomes() -> None:
    run, ada, bob = make_run(), make_person(), make_person()
    take(
        payload("Rendering Failure", run, ada, errorMessage="x missing"),
        payload("Reject", run, bob, reason="Bad content"),
    )
    assert people(run.pk) == {"rendering_failure": 1, "reject": 1}
    assert set(Outcome.objects.values_list("reason", flat=True)) == {"x missing", "Bad content"}


def test_unknown_type_is_kept_and_shown() -> None:
    run, person = make_run(), make_person()
    take(payload("Teleport", run, person))
    event = Event.objects.get()
    assert (event.type, event.detail["type"]) == ("unknown", "Teleport")


def test_validation_message_only_leaves_its_dedupe_row() -> None:
    take("Successfully validated SNS topic for Amazon SES event publishing.")
    assert InboundMessage.objects.count() == 1
    assert not DeadLetter.objects.exists()


def test_one_culprit_in_a_group_does_not_hurt_the_others() -> None:
    run = make_run()
    group = [inbound(payload("Delivery", run, make_person())) for _ in range(9)]
    group.insert(4, inbound("no event at all"))
    assert ingest.take_in(group) == 1
    assert people(run.pk) == {"delivery": 9}
    letter = DeadLetter.objects.get()
    assert letter.reason == "not JSON"
    assert bytes(letter.body) == group[4].body


def test_dead_letter_is_kept_once() -> None:
    message = inbound("no event at all")
    for _ in range(3):
        ingest.take_in([message])
    assert DeadLetter.objects.count() == 1


def test_time_in_the_future_goes_to_the_dead_letters() -> None:
    run, person = make_run(), make_person()
    take(payload("Delivery", run, person, at=clock.now() + timedelta(hours=3)))
    assert DeadLetter.objects.get().reason == "the event lies in the future"
    assert not Outcome.objects.exists()


def test_time_without_partition_goes_to_the_dead_letters() -> None:
    run, person = make_run(), make_person()
    take(payload("Delivery", run, person, at=clock.now() - timedelta(days=4000)))
    assert DeadLetter.objects.get().reason == "no partition holds the time of this message"
    assert not Outcome.objects.exists()


def test_several_recipients_are_each_taken_in() -> None:
    run, ada, bob = make_run(), make_person("a@x.example"), make_person("b@x.example")
    both = [{"emailAddress": ada.email}, {"emailAddress": bob.email}]
    take(payload("Bounce", run, ada, mail={"tags": {}}, bouncedRecipients=both))
    assert Suppression.objects.count() == 2


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no example payloads of SES at {SHARED} (set SHARED_DATA)")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.json")), ids=lambda path: path.stem)
def test_every_example_of_the_documentation_is_ingested(path: Path) -> None:
    with connection.cursor() as cursor:
        for day in (
            date(2016, 10, 1),
            date(2017, 8, 1),
            date(2018, 1, 1),
            date(2020, 6, 1),
            date(2022, 1, 1),
            date(2012, 5, 1),
            date(2012, 6, 1),
            date(2014, 5, 1),
            date(2016, 1, 1),
        ):
            cursor.execute("SELECT events_ensure_month_partitions(%s)", (day,))
    ingest.take_in([inbound(path.read_text())])
    assert [letter.reason for letter in DeadLetter.objects.all()] == []
    kind = orjson.loads(path.read_bytes())
    is_engagement = kind.get("eventType") in {"Open", "Click"}
    assert Event.objects.exists() != is_engagement
    assert Subscriber.objects.count() == 0


@pytest.mark.parametrize(
    ("kind", "consent", "kept"), [("Open", False, 0), ("Open", True, 1), ("Click", True, 0)]
)
def test_untracked_open_is_no_dead_letter_either(kind: str, consent: bool, kept: int) -> None:
    run, person = make_run(), make_person()
    Profile.objects.filter(pk=person.pk).update(opens_allowed=consent, clicks_allowed=False)
    take(payload(kind, run, person, at=clock.now() + timedelta(days=3), link="https://x.example/"))
    assert DeadLetter.objects.count() == kept


def test_time_beyond_the_calendar_is_no_crash() -> None:
    run, person = make_run(), make_person()
    data = payload("Bounce", run, person)
    data["bounce"]["timestamp"] = "0001-01-01T00:00:00+23:00"
    take(data)
    assert Event.objects.count() + DeadLetter.objects.count() == 1
