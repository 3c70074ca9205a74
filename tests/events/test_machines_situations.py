"""What went wrong elsewhere with link scanners and unreliable opens, situation by situation."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import tokens
from events import ingest
from events.models import Event, Outcome
from events.selectors import breakdown, report
from events.services import classifying
from mailplatform.core import clock
from subscribers.models import MailingList, Subscription, SubscriptionState, Suppression
from tests.factories.events import inbound, make_delivery, make_person, make_run, payload

pytestmark = pytest.mark.django_db
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 "
    "Safari/537.36 Edg/141.0.0.0"
)
SCANNERS = [EDGE, "Barracuda Sentinel", "Mozilla/5.0 (compatible; BingPreview/1.0b)"]


def take(*data: Any) -> None:
    ingest.take_in([inbound(item) for item in data])


def on_list(run_list: MailingList) -> Any:
    person = make_person()
    Subscription.objects.create(
        subscriber=person, mailing_list=run_list, state=SubscriptionState.CONFIRMED, confirmed_at=clock.now()
    )
    return person


def state_of(person: Any) -> str:
    return str(Subscription.objects.get(subscriber=person).state)


@pytest.fixture
def leaver() -> tuple[Any, str]:
    """A reader on a list, and the address of their unsubscribe link."""
    readers = MailingList.objects.create(name="Readers")
    run, person = make_run(list_ids=[readers.pk]), on_list(readers)
    token = tokens.make_unsubscribe_token(run.pk, person.pk)
    return person, reverse("events:unsubscribe", args=[token])


@pytest.mark.parametrize("agent", SCANNERS)
def test_scanner_that_follows_the_unsubscribe_link_unsubscribes_nobody(
    client: Client, leaver: tuple[Any, str], agent: str
) -> None:
    person, address = leaver
    for method in (client.get, client.head):
        assert method(address, headers={"User-Agent": agent}).status_code == 200
    assert state_of(person) == "confirmed"


def test_unsubscribe_of_whatever_program_is_taken_at_its_word(
    client: Client, leaver: tuple[Any, str]
) -> None:
    person, address = leaver
    agent = {"User-Agent": "Mimecast Targeted Threat Protection"}
    response = client.post(address, {"List-Unsubscribe": "One-Click"}, headers=agent)
    assert response.status_code == 200
    assert state_of(person) == "unsubscribed"


def test_safelinks_clicks_with_a_browsers_name_do_not_move_human_counts(time_machine: Any) -> None:
    start = clock.now() - timedelta(hours=1)
    time_machine.move_to(start, tick=False)
    run, person = make_run(), make_person(opens=True, clicks=True)
    make_delivery(run, person, opens_tracked=True, clicks_tracked=True)
    take(
        payload("Delivery", run, person, at=start - timedelta(seconds=9)),
        payload("Open", run, person, at=start, userAgent=EDGE),
    )
    take(
        *[
            payload(
                "Click",
                run,
                person,
                at=start + timedelta(milliseconds=n * 300),
                link=f"https://x.example/{n}",
                userAgent=EDGE,
            )
            for n in range(4)
        ]
    )
    time_machine.move_to(start + timedelta(minutes=3), tick=False)
    classifying.classify_machines()
    figures = report.report(run)
    assert (figures.opened, figures.clicked) == (0, 0)
    assert (figures.machine_opened, figures.machine_clicked) == (1, 1)


@pytest.mark.parametrize(
    "agent", ["Mozilla/5.0", "Mozilla/5.0 (via ggpht.com GoogleImageProxy)", "YahooMailProxy; x"]
)
def test_ux_22_opens_of_proxies_do_not_inflate_open_rates_and_are_kept_with_their_reason(agent: str) -> None:
    run, person = make_run(), make_person(opens=True)
    make_delivery(run, person, opens_tracked=True)
    take(payload("Open", run, person, userAgent=agent))
    figures = report.report(run)
    assert (figures.opened, figures.machine_opened) == (0, 1)
    assert Event.objects.get().machine_reason
    assert breakdown.compute(run).machines[0].opens == 1


def test_ux_23_clicks_of_bots_are_a_number_of_their_own() -> None:
    run, reader, bot = make_run(), make_person(clicks=True), make_person(clicks=True)
    for person, agent in ((reader, EDGE), (bot, "Slackbot-LinkExpanding 1.0")):
        take(payload("Click", run, person, link="https://x.example/", userAgent=agent))
    (link,) = report.links(run)
    assert (link.total, link.unique, link.machines) == (1, 1, 1)


def test_one_click_counted_twice_by_sns_is_one_click() -> None:
    run, person = make_run(), make_person(clicks=True)
    data = payload("Click", run, person, link="https://x.example/")
    take(data, data)
    take(data)
    assert report.links(run)[0].total == 1


def test_a_hundred_per_cent_opens_cannot_come_from_people_who_were_never_asked() -> None:
    run = make_run()
    for number in range(10):
        person = make_person(opens=number < 2)
        make_delivery(run, person, opens_tracked=number < 2)
        take(payload("Open", run, person))
    figures = report.report(run)
    assert (figures.opened, figures.trackable_opens, figures.untracked_opens) == (2, 2, 8)


def test_preview_bot_confirms_and_changes_no_subscription(client: Client, leaver: tuple[Any, str]) -> None:
    person, address = leaver
    preferences = address.replace("/u/", "/p/")
    assert client.get(preferences, headers={"User-Agent": SCANNERS[2]}).status_code == 200
    assert state_of(person) == "confirmed"
    assert not Suppression.objects.exists()


def test_rfc_8058_post_works_as_form_and_as_multipart(client: Client, leaver: tuple[Any, str]) -> None:
    person, address = leaver
    body = '--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    assert client.post(address, body, content_type="multipart/form-data; boundary=b").status_code == 200
    assert state_of(person) == "unsubscribed"
    assert (
        client.post(
            address, "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        ).status_code
        == 200
    )


def test_deleting_a_list_keeps_who_left_from_being_mailed(client: Client) -> None:
    readers = MailingList.objects.create(name="Readers")
    run, person = make_run(list_ids=[readers.pk]), on_list(readers)
    take(payload("Complaint", run, person))
    Subscription.objects.filter(mailing_list=readers).delete()
    readers.delete()
    assert Suppression.objects.filter(email_key=person.email_key, reason="complaint", lifted_at=None).exists()


def test_friend_who_opens_a_forwarded_mail_sees_no_address_and_does_not_unsubscribe_by_looking(
    client: Client, leaver: tuple[Any, str]
) -> None:
    person, address = leaver
    text = client.get(address).content.decode()
    assert person.email not in text
    assert state_of(person) == "confirmed"


def test_one_click_says_plainly_that_it_is_done_and_twice_is_harmless(
    client: Client, leaver: tuple[Any, str]
) -> None:
    person, address = leaver
    for _ in range(2):
        response = client.post(address, {"List-Unsubscribe": "One-Click"})
        assert response.content == b"Unsubscribed.\n"
    assert Outcome.objects.filter(subscriber_id=person.pk).exclude(unsubscribed_at=None).count() == 1
