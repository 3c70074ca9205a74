"""The pages for readers: GET asks, POST acts, nonsense changes nothing."""

import datetime as dt
from collections import Counter as Tally

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape

from campaigns import tokens
from campaigns.models import Run
from events.models import Counter, Event, Outcome
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from subscribers import words
from subscribers.models import (
    ConsentRecord,
    MailingList,
    Profile,
    Subscriber,
    Subscription,
    Suppression,
    SuppressionReason,
)
from subscribers.services import profiles, suppression
from tests.factories.events import make_person, make_run

pytestmark = pytest.mark.django_db


@pytest.fixture
def lists() -> list[MailingList]:
    return [MailingList.objects.create(name=name, is_public=True) for name in ("News", "Offers", "Other")]


@pytest.fixture
def person(lists: list[MailingList]) -> Subscriber:
    person = make_person("ada.lovelace@example.org")
    for row in lists:
        Subscription.objects.create(subscriber=person, mailing_list=row, state="confirmed")
    profiles.refresh(subscriber_ids=[person.pk])
    return person


@pytest.fixture
def run(lists: list[MailingList]) -> Run:
    return make_run(list_ids=[lists[0].pk, lists[1].pk])


def link(run: Run, person: Subscriber, name: str = "unsubscribe") -> str:
    return reverse(f"events:{name}", args=[tokens.make_unsubscribe_token(run.pk, person.pk)])


def states(person: Subscriber) -> dict[str, str]:
    return dict(Subscription.objects.filter(subscriber=person).values_list("mailing_list__name", "state"))


def everything() -> tuple[object, ...]:
    return (
        Tally(Subscription.objects.values_list("subscriber_id", "mailing_list_id", "state")),
        ConsentRecord.objects.count(), Suppression.objects.count(), Event.objects.count(), Outcome.objects.count(),
        Tally(Profile.objects.values_list("subscriber_id", "marketing_basis")),
    )  # fmt: skip


def unsubscribed(run: Run) -> int:
    return sum(Counter.objects.filter(run_id=run.pk, type="unsubscribe").values_list("people", flat=True))


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_changes_nothing(stranger: Client, run: Run, person: Subscriber, method: str) -> None:
    before = everything()
    response = getattr(stranger, method)(link(run, person))
    assert response.status_code == 200
    assert everything() == before


def test_page_is_light_and_sets_no_cookie(stranger: Client, run: Run, person: Subscriber) -> None:
    response = stranger.get(link(run, person))
    assert len(response.content) < 20_000
    assert b"<script" not in response.content
    assert not response.cookies
    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]


def test_page_shows_too_little_of_the_address_to_learn_it(
    stranger: Client, run: Run, person: Subscriber
) -> None:
    text = stranger.get(link(run, person)).content.decode()
    assert person.email not in text
    assert "ad…@e….org" in text


@pytest.mark.parametrize("multipart", [False, True])
def test_one_click_leaves_every_list_of_the_run_and_no_other(
    stranger: Client, run: Run, person: Subscriber, multipart: bool
) -> None:
    if multipart:
        response = stranger.post(link(run, person), {"List-Unsubscribe": "One-Click"})
    else:
        response = stranger.post(
            link(run, person), "List-Unsubscribe=One-Click", content_type="application/x-www-form-urlencoded"
        )
    assert response.status_code == 200
    assert "Location" not in response
    assert not response.cookies
    assert states(person) == {"News": "unsubscribed", "Offers": "unsubscribed", "Other": "confirmed"}
    assert unsubscribed(run) == 1


def test_ux_28_unsubscribe_is_one_click_without_login_or_script_in_ones_language_and_can_be_undone(
    stranger: Client, run: Run, person: Subscriber
) -> None:
    Subscriber.objects.filter(pk=person.pk).update(language="fr")
    before = everything()
    for agent in ("BingPreview/1.0b", "Barracuda Sentinel"):
        page = stranger.get(link(run, person), headers={"user-agent": agent})
        assert everything() == before
    text = page.content.decode()
    assert '<html lang="fr">' in text
    assert escape(words.say("fr", "unsubscribe")) in text
    assert "<script" not in text
    assert len(page.content) <= 20_000
    done = stranger.post(link(run, person), {"action": "leave"})
    assert states(person) == {"News": "unsubscribed", "Offers": "unsubscribed", "Other": "confirmed"}
    assert 'value="undo"' in done.content.decode()
    assert len(done.content) <= 20_000
    stranger.post(link(run, person), {"action": "undo"})
    assert set(states(person).values()) == {"confirmed"}
    mailbox = stranger.post(link(run, person), {"List-Unsubscribe": "One-Click"})
    assert (mailbox.status_code, states(person)["News"]) == (200, "unsubscribed")


def test_one_click_twice_changes_nothing_more(stranger: Client, run: Run, person: Subscriber) -> None:
    stranger.post(link(run, person), {"List-Unsubscribe": "One-Click"})
    before = everything()
    assert stranger.post(link(run, person), {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert everything() == before
    assert unsubscribed(run) == 1


def test_run_of_a_segment_withdraws_consent(stranger: Client, person: Subscriber) -> None:
    run = make_run(segment_chosen=True)
    stranger.post(link(run, person), {"List-Unsubscribe": "One-Click"})
    assert Profile.objects.get(pk=person.pk).marketing_basis == "withdrawn"
    assert ConsentRecord.objects.filter(act="withdrawn", purpose="marketing_email").count() == 1


def test_button_unsubscribes_and_undo_brings_back_the_same_lists(
    stranger: Client, run: Run, person: Subscriber, lists: list[MailingList]
) -> None:
    Subscription.objects.filter(subscriber=person, mailing_list=lists[1]).update(
        state="unsubscribed", unsubscribed_at="2026-01-01T00:00:00Z"
    )
    page = stranger.post(link(run, person), {"action": "leave"})
    assert "You are unsubscribed" in page.content.decode()
    assert states(person)["News"] == "unsubscribed"
    back = stranger.post(link(run, person), {"action": "undo"})
    assert "You are back" in back.content.decode()
    assert states(person) == {"News": "confirmed", "Offers": "unsubscribed", "Other": "confirmed"}
    assert unsubscribed(run) == 0


def test_undo_without_having_left_changes_nothing(stranger: Client, run: Run, person: Subscriber) -> None:
    before = everything()
    stranger.post(link(run, person), {"action": "undo"})
    assert everything() == before


def test_all_mail_suppresses_the_address_and_can_be_undone(
    stranger: Client, run: Run, person: Subscriber
) -> None:
    stranger.post(link(run, person), {"action": "all"})
    assert Suppression.objects.get(lifted_at=None).reason == "unsubscribe"
    assert set(states(person).values()) == {"unsubscribed"}
    assert unsubscribed(run) == 1
    stranger.post(link(run, person), {"action": "undo"})
    assert not Suppression.objects.filter(lifted_at=None).exists()
    assert set(states(person).values()) == {"confirmed"}


def test_undo_brings_back_no_list_that_was_left_through_another_link(
    stranger: Client, run: Run, person: Subscriber, lists: list[MailingList]
) -> None:
    later = make_run(list_ids=[lists[2].pk])
    stranger.post(link(run, person), {"action": "leave"})
    stranger.post(link(later, person), {"List-Unsubscribe": "One-Click"})
    stranger.post(link(run, person), {"action": "undo"})
    assert states(person)["Other"] == "unsubscribed"


def test_undo_in_an_old_mail_takes_back_no_wider_no(
    stranger: Client, run: Run, person: Subscriber, lists: list[MailingList]
) -> None:
    later = make_run(list_ids=[lists[2].pk])
    stranger.post(link(run, person), {"action": "leave"})
    stranger.post(link(later, person), {"action": "all"})
    before = everything()
    page = stranger.post(link(run, person), {"action": "undo"})
    assert b"That stands" in page.content
    assert b"You are back" not in page.content
    assert everything() == before
    assert Suppression.objects.filter(lifted_at=None, reason="unsubscribe").exists()
    assert unsubscribed(run) == 1


def test_a_no_that_was_taken_back_does_not_bar_a_later_undo(
    stranger: Client, run: Run, person: Subscriber, lists: list[MailingList]
) -> None:
    later = make_run(list_ids=[lists[2].pk])
    for action in ("all", "undo"):
        stranger.post(link(later, person), {"action": action})
    stranger.post(link(run, person), {"action": "leave"})
    stranger.post(link(run, person), {"action": "undo"})
    assert set(states(person).values()) == {"confirmed"}
    assert unsubscribed(run) == 0


def test_preferences_of_a_nonsense_number_are_no_error(
    stranger: Client, run: Run, person: Subscriber
) -> None:
    page = stranger.post(link(run, person, "preferences"), {"action": "save", "list": "9" * 5_000})
    assert page.status_code == 200


def test_page_after_leaving_says_so(stranger: Client, run: Run, person: Subscriber) -> None:
    stranger.post(link(run, person), {"List-Unsubscribe": "One-Click"})
    assert "You are unsubscribed" in stranger.get(link(run, person)).content.decode()


@pytest.mark.parametrize("change", ["cut", "altered", "longer", "swapped", "strange", "empty-ish"])
@pytest.mark.parametrize("name", ["unsubscribe", "preferences", "view_in_browser"])
def test_token_that_is_not_ours_changes_nothing(
    stranger: Client, run: Run, person: Subscriber, change: str, name: str
) -> None:
    good = tokens.make_unsubscribe_token(run.pk, person.pk)
    other = tokens.make_unsubscribe_token(make_run().pk, person.pk)
    bad = {
        "cut": good[:-1],
        "altered": good[:-1] + ("A" if good[-1] != "A" else "B"),
        "longer": good + "A",
        "swapped": other[:20] + good[20:],
        "strange": "ü" * 40,
        "empty-ish": "x",
    }[change]
    before = everything()
    address = reverse(f"events:{name}", args=[bad])
    for response in (stranger.get(address), stranger.post(address, {"List-Unsubscribe": "One-Click"})):
        assert response.status_code in {404, 405}
        assert b"Traceback" not in response.content
    assert "This link is not complete" in stranger.get(address).content.decode()
    assert everything() == before


def test_link_of_another_list_leaves_only_that_list(
    stranger: Client, person: Subscriber, lists: list[MailingList]
) -> None:
    stranger.post(link(make_run(list_ids=[lists[2].pk]), person), {"List-Unsubscribe": "One-Click"})
    assert states(person) == {"News": "confirmed", "Offers": "confirmed", "Other": "unsubscribed"}


@pytest.mark.parametrize(
    "body", [{"List-Unsubscribe": "One-Click"}, {"action": "leave"}, {"action": "all"}, {"action": "undo"}]
)
def test_link_of_a_test_mail_acts_on_nobody(
    stranger: Client, run: Run, person: Subscriber, body: dict[str, str]
) -> None:
    address = reverse("events:unsubscribe", args=[tokens.make_test_token(run.pk, person.pk)])
    before = everything()
    assert "test mail" in stranger.get(address).content.decode()
    assert stranger.post(address, body).status_code == 200
    assert everything() == before


def test_post_without_meaning_asks_again(stranger: Client, run: Run, person: Subscriber) -> None:
    before = everything()
    response = stranger.post(link(run, person), {"something": "else"})
    assert response.status_code == 400
    assert "nothing was changed" in response.content.decode()
    assert everything() == before


def test_json_is_no_one_click(stranger: Client, run: Run, person: Subscriber) -> None:
    before = everything()
    response = stranger.post(
        link(run, person), {"List-Unsubscribe": "One-Click"}, content_type="application/json"
    )
    assert response.status_code == 400
    assert everything() == before


def test_erased_person_is_told_there_is_nothing_to_stop(
    stranger: Client, run: Run, person: Subscriber
) -> None:
    address = link(run, person)
    Profile.objects.filter(pk=person.pk).delete()
    person.delete()
    assert "no longer hold your address" in stranger.get(address).content.decode()
    assert stranger.post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert not Outcome.objects.exists()


def test_link_outlives_its_run(stranger: Client, person: Subscriber) -> None:
    address = reverse("events:unsubscribe", args=[tokens.make_unsubscribe_token(987_654, person.pk)])
    assert stranger.post(address, {"List-Unsubscribe": "One-Click"}).status_code == 200
    assert Profile.objects.get(pk=person.pk).marketing_basis == "withdrawn"


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(stranger: Client, run: Run, person: Subscriber, method: str) -> None:
    assert getattr(stranger, method)(link(run, person)).status_code == 405


def test_preferences_change_lists_and_tracking_with_the_wording(
    stranger: Client, run: Run, person: Subscriber, lists: list[MailingList]
) -> None:
    address = link(run, person, "preferences")
    assert "ad…@e….org" in stranger.get(address).content.decode()
    response = stranger.post(address, {"action": "save", "list": [lists[0].pk, lists[2].pk], "opens": "on"})
    assert "Saved" in response.content.decode()
    assert states(person)["Offers"] == "unsubscribed"
    profile = Profile.objects.get(pk=person.pk)
    assert (profile.opens_allowed, profile.clicks_allowed) == (True, False)
    record = ConsentRecord.objects.get(purpose="open_tracking")
    assert record.act == "granted"
    assert record.notice_hash
    stranger.post(address, {"action": "save", "list": [row.pk for row in lists]})
    assert set(states(person).values()) == {"confirmed"}
    assert not Profile.objects.get(pk=person.pk).opens_allowed


def test_preferences_cannot_join_a_list_that_was_not_shown(
    stranger: Client, run: Run, person: Subscriber
) -> None:
    secret = MailingList.objects.create(name="Secret")
    stranger.post(link(run, person, "preferences"), {"action": "save", "list": [secret.pk, "9" * 30, "x"]})
    assert not Subscription.objects.filter(mailing_list=secret).exists()


def test_imprint_stands_on_every_page(stranger: Client, run: Run, person: Subscriber) -> None:
    installation.update(actor=None, company="Muster GmbH", postal_address="Weg 1\nBerlin")
    for address in (link(run, person), reverse("events:unsubscribe", args=["x"])):
        assert "Muster GmbH" in stranger.get(address).content.decode()


def test_the_one_click_post_acts_where_the_last_slash_was_lost(
    stranger: Client, run: Run, person: Subscriber
) -> None:
    answer = stranger.post(link(run, person).rstrip("/"), {"List-Unsubscribe": "One-Click"})
    assert answer.status_code == 200
    assert states(person)["News"] == "unsubscribed"


@pytest.mark.parametrize("action", ["leave", "nothing before"])
def test_nobody_comes_back_by_undo_after_a_complaint(
    stranger: Client, run: Run, person: Subscriber, action: str
) -> None:
    if action == "leave":
        stranger.post(link(run, person), {"action": action})
    suppression.suppress(
        email_key=bytes(person.email_key), reason=SuppressionReason.COMPLAINT, source="complaint"
    )
    before = everything()
    page = stranger.post(link(run, person), {"action": "undo"})
    assert b"You are back" not in page.content
    assert b"reported as unwanted" in page.content
    assert everything() == before
    assert b'value="undo"' not in page.content


def test_undo_is_offered_for_one_day(stranger: Client, run: Run, person: Subscriber) -> None:
    stranger.post(link(run, person), {"action": "leave"})
    assert b'value="undo"' in stranger.get(link(run, person)).content
    Outcome.objects.filter(run_id=run.pk).update(unsubscribed_at=clock.now() - dt.timedelta(hours=25))
    assert b'value="undo"' not in stranger.get(link(run, person)).content
    before = everything()
    page = stranger.post(link(run, person), {"action": "undo"})
    assert b"for one day, and that is over" in page.content
    assert everything() == before
