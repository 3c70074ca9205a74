"""The link of the confirmation mail, as people and scanners follow it, and what the click records."""

import datetime as dt
from collections import Counter as Tally
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns import hosted_tokens, tokens
from mailplatform.core import clock, keys
from subscribers import words
from subscribers.models import (
    ConsentNotice,
    ConsentRecord,
    OwedMail,
    Profile,
    SignupForm,
    SignupRequest,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.selectors import refusals
from subscribers.services import erasure, signup, suppression, unsubscribe
from tests.factories import subscribers as people
from tests.factories.events import make_run
from tests.factories.signup import (
    ADA,
    WORDING,
    address,
    confirm,
    confirm_path,
    hosted_path,
    mailable,
    make_form,
    pending,
    sign_up,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counts_of_before")]


def everything() -> tuple[object, ...]:
    return (
        Subscriber.objects.count(), ConsentRecord.objects.count(), OwedMail.objects.count(),
        Tally(Subscription.objects.values_list("subscriber_id", "state")), SignupRequest.objects.count(),
        Tally(SignupRequest.objects.values_list("confirmed_at", flat=True)),
    )  # fmt: skip


def test_ux_28_signing_up_takes_two_clicks_and_the_ledger_keeps_what_was_shown(
    stranger: Client, form: SignupForm
) -> None:
    page = sign_up(stranger, form, name="Ada", opens="yes")
    assert "check your mail" in page.content.decode()
    assert not Subscriber.objects.exists()
    assert not ConsentRecord.objects.exists()
    asked = stranger.get(confirm_path(pending())).content.decode()
    assert WORDING in asked
    assert ADA not in asked
    assert "Thank you" in confirm(stranger).content.decode()
    person = Subscriber.objects.get(email=ADA)
    requested, granted, on_list, opens, clicks = ConsentRecord.objects.order_by("id")
    assert (requested.act, requested.method, requested.lawful_basis) == ("requested", "form", "none")
    assert (granted.act, granted.method, granted.confirms) == ("granted", "double_opt_in", requested.pk)
    assert ConsentNotice.objects.get(hash=granted.notice_hash).text == WORDING
    assert on_list.form == f"list:{form.mailing_list.public_id}"
    assert (opens.purpose, opens.act) == ("open_tracking", "granted")
    assert (clicks.purpose, clicks.act, clicks.confirms) == ("click_tracking", "refused", requested.pk)
    assert ConsentNotice.objects.get(hash=clicks.notice_hash).text == words.say("en", "clicks_wording")
    profile = Profile.objects.get(pk=person.pk)
    assert (profile.opens_allowed, profile.clicks_allowed, person.name) == (True, False, "Ada")
    assert profile.list_ids == [form.mailing_list_id]
    assert mailable() == ""


def test_a_box_left_empty_is_a_refusal_and_the_settings_page_does_not_ask_again(
    stranger: Client, form: SignupForm
) -> None:
    sign_up(stranger, form)
    confirm(stranger)
    person = Subscriber.objects.get()
    token = tokens.make_unsubscribe_token(make_run().pk, person.pk)
    text = stranger.get(reverse("events:preferences", args=[token])).content.decode()
    assert refusals.of(person.pk).keys() == {"open_tracking", "click_tracking"}
    assert "We do not ask again before" in text
    assert text.index("<details>") < text.index('name="opens"')


def test_a_box_left_empty_takes_back_no_consent_that_was_given_before(
    stranger: Client, form: SignupForm
) -> None:
    sign_up(stranger, form, opens="yes", clicks="yes")
    confirm(stranger)
    sign_up(stranger, make_form(ask_tracking=True))
    confirm(stranger)
    profile = Profile.objects.get()
    assert (profile.opens_allowed, profile.clicks_allowed) == (True, True)
    assert not ConsentRecord.objects.filter(act="refused").exists()


def test_a_form_that_does_not_ask_records_no_refusal(stranger: Client) -> None:
    sign_up(stranger, make_form(), opens="yes")
    confirm(stranger)
    assert {record.purpose for record in ConsentRecord.objects.all()} == {"marketing_email"}


def test_after_the_click_nothing_typed_is_left_in_the_request(stranger: Client, form: SignupForm) -> None:
    sign_up(stranger, form, name="Ada")
    confirm(stranger)
    row = SignupRequest.objects.get()
    assert (row.email, row.name, row.ip, row.fields) == ("", "", "", {})


def test_a_second_click_changes_nothing(stranger: Client, form: SignupForm) -> None:
    sign_up(stranger, form)
    path = confirm_path(pending())
    stranger.post(path, {"action": "confirm"})
    before = everything()
    page = stranger.post(path, {"action": "confirm"})
    assert "Already confirmed" in page.content.decode()
    assert everything() == before


@pytest.mark.parametrize("method", ["get", "head"])
def test_a_scanner_that_follows_the_link_confirms_nobody(
    stranger: Client, form: SignupForm, method: str
) -> None:
    sign_up(stranger, form)
    before = everything()
    for path in (confirm_path(pending()), address(form)):
        assert getattr(stranger, method)(path).status_code == 200
    assert stranger.post(confirm_path(pending())).status_code == 200
    assert everything() == before


def test_a_confirmation_is_not_replayed_after_the_person_left(stranger: Client, form: SignupForm) -> None:
    sign_up(stranger, form)
    path = confirm_path(pending())
    stranger.post(path, {"action": "confirm"})
    person = Subscriber.objects.get()
    unsubscribe.leave_all(subscriber_id=person.pk, source="test", method="page")
    stranger.post(path, {"action": "confirm"})
    assert mailable() == "unsubscribed"
    assert Subscription.objects.get().state == "unsubscribed"


@pytest.mark.parametrize("change", ["cut", "altered", "foreign", "unsubscribe", "expired", "unknown"])
def test_tokens_that_are_not_this_pages_own_change_nothing(
    stranger: Client, form: SignupForm, change: str
) -> None:
    sign_up(stranger, form)
    row = pending()
    path = confirm_path(row)
    token = path.split("/")[2]
    bad = {
        "cut": path[:-2] + "/",
        "altered": "/c/" + token[:-1] + ("A" if token[-1] != "A" else "B") + "/",
        "foreign": "/c/" + hosted_path("erase", row.pk).split("/")[2] + "/",
        "unsubscribe": f"/c/{tokens.make_unsubscribe_token(1, row.pk)}/",
        "expired": confirm_path(row, days=-0.001),
        "unknown": hosted_path("confirm", row.pk + 99),
    }[change]
    assert stranger.post(bad, {"action": "confirm"}).status_code in {404, 410}
    assert not Subscriber.objects.exists()
    assert SignupRequest.objects.get().confirmed_at is None


def test_an_expired_link_can_be_sent_again_and_then_works(
    stranger: Client, form: SignupForm, time_machine: Any
) -> None:
    sign_up(stranger, form)
    path = confirm_path(pending())
    time_machine.move_to(clock.now() + dt.timedelta(days=8), tick=False)
    page = stranger.get(path)
    assert page.status_code == 410
    assert "Send a new link" in page.content.decode()
    stranger.post(path, {"action": "again"})
    assert OwedMail.objects.count() == 2
    assert "Thank you" in confirm(stranger).content.decode()


def test_what_nobody_confirmed_is_forgotten(stranger: Client, form: SignupForm, time_machine: Any) -> None:
    sign_up(stranger, form)
    path = confirm_path(pending())
    time_machine.move_to(clock.now() + signup.FORGET_AFTER, tick=False)
    assert signup.forget_expired() == 1
    page = stranger.post(path, {"action": "again"})
    assert page.status_code == 410
    assert "no longer known" in page.content.decode()


@pytest.mark.parametrize("no", ["all", "complaint", "bounce", "erased"])
def test_only_their_own_click_brings_back_who_left(stranger: Client, form: SignupForm, no: str) -> None:
    person = people.person(ADA)
    if no == "all":
        unsubscribe.leave_all(subscriber_id=person.pk, source="test", method="page")
    elif no == "erased":
        erasure.erase(subscriber_id=person.pk, actor=None, source="test")
    else:
        suppression.suppress(email_key=keys.email_key(ADA), reason=no, source="test")
    sign_up(stranger, form)
    assert mailable() != ""
    confirm(stranger)
    assert mailable() == ""
    assert not Suppression.objects.filter(lifted_at=None).exists()


def test_a_block_by_hand_stands_whatever_is_clicked(stranger: Client, form: SignupForm) -> None:
    sign_up(stranger, form)
    suppression.suppress(email_key=keys.email_key(ADA), reason="manual", source="test")
    confirm(stranger)
    assert mailable() == "blocked"


def test_people_are_led_to_the_sites_own_thank_you_page(stranger: Client) -> None:
    form = make_form(redirect_url="https://shop.example/thanks")
    sign_up(stranger, form)
    answer = confirm(stranger)
    assert (answer.status_code, answer["Location"]) == (303, "https://shop.example/thanks")


def test_the_link_is_good_for_its_purpose_alone(form: SignupForm) -> None:
    token = hosted_path("data", 7).split("/")[2]
    for purpose in ("confirm", "erase"):
        with pytest.raises(tokens.InvalidToken):
            hosted_tokens.read(purpose, token)
    assert hosted_tokens.read("data", token).reference == 7
