"""Signing up, as people, programs and scanners do it."""

import datetime as dt
import re
from collections import Counter as Tally
from typing import Any

import pytest
import redis
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from campaigns import hosted_tokens, tokens
from events import throttle
from events.selectors import signup_pages
from mailplatform.core import clock, keys
from subscribers import words
from subscribers.models import (
    ConsentNotice,
    ConsentRecord,
    OptIn,
    OwedMail,
    Profile,
    SignupForm,
    SignupRequest,
    Subscriber,
    Subscription,
    Suppression,
)
from subscribers.selectors import eligibility, refusals
from subscribers.services import erasure, lists, signup, signup_forms, suppression, unsubscribe
from tests.factories import subscribers as people
from tests.factories.accounts import ViewerFactory
from tests.factories.events import make_run
from tests.factories.signup import WORDING, confirm_path, hosted_path, make_form

pytestmark = pytest.mark.django_db
ADA = "ada.lovelace@example.org"


@pytest.fixture(autouse=True)
def _no_counts_of_before() -> None:
    client = redis.Redis.from_url(django_settings.REDIS_URL)
    for name in client.scan_iter("throttle:*"):
        client.delete(name)
    client.close()


@pytest.fixture
def stranger() -> Client:
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def form() -> SignupForm:
    return make_form(ask_name=True, ask_tracking=True)


def address(form: SignupForm) -> str:
    return reverse("events:signup", args=[form.public_id])


def sign_up(client: Client, form: SignupForm, email: str = ADA, **more: str) -> Any:
    data = {"email": email, "agree": "yes", "website": "", "shown": shown(form), **more}
    return client.post(address(form), data)


def shown(form: SignupForm) -> str:
    return signup_pages.shown(form, form.texts.get(language="en"))


def pending() -> SignupRequest:
    return SignupRequest.objects.get(confirmed_at=None)


def confirm(client: Client) -> Any:
    return client.post(confirm_path(pending()), {"action": "confirm"})


def mailable(email: str = ADA) -> str:
    """Return '' where marketing mail may go to this address."""
    person = Subscriber.objects.filter(email=email).first()
    reasons = frozenset(suppression.suppression_reasons(keys.email_key(email)))
    profile = Profile.objects.filter(pk=person.pk).first() if person else None
    facts = eligibility.Facts(
        exists=person is not None, suppressions=reasons,
        marketing_basis=profile.marketing_basis if profile else None,
    )  # fmt: skip
    return eligibility.reason_for("marketing", facts)


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


def test_the_page_is_light_and_needs_no_script(stranger: Client, form: SignupForm) -> None:
    page = stranger.get(address(form))
    assert len(page.content) < 20_000
    assert b"<script" not in page.content
    assert b" checked" not in page.content
    assert not page.cookies


def test_the_answer_is_the_same_for_known_unknown_and_blocked_addresses(
    stranger: Client, form: SignupForm
) -> None:
    people.person("known@example.org")
    people.person("left@example.org")
    left = Subscriber.objects.get(email="left@example.org")
    unsubscribe.leave_all(subscriber_id=left.pk, source="test", method="page")
    suppression.suppress(email_key=keys.email_key("blocked@example.org"), reason="manual", source="test")
    pages = {
        sign_up(stranger, form, f"{name}@example.org").content for name in ("new", "known", "left", "blocked")
    }
    assert len(pages) == 1
    assert OwedMail.objects.count() == 3  # a block by hand gets none


def test_a_thousand_sign_ups_for_one_address_send_one_mail_an_hour_and_three_a_day(time_machine: Any) -> None:
    form, other = make_form(), make_form()
    start = clock.now()
    typed = signup.Typed(email=ADA, language="en", agreed={"marketing_email": WORDING})
    for hour in (0, 1, 2, 3, 23):
        time_machine.move_to(start + dt.timedelta(hours=hour, seconds=1), tick=False)
        for each in (form, other, form):
            signup.request(form=each, typed=typed)
        assert OwedMail.objects.count() == min(hour + 1, 3)
    time_machine.move_to(start + dt.timedelta(hours=25), tick=False)
    signup.request(form=form, typed=typed)
    assert OwedMail.objects.count() == 4


def test_one_address_in_a_loop_is_held_back_with_the_same_answer(stranger: Client, form: SignupForm) -> None:
    pages = {sign_up(stranger, form).content for _ in range(throttle.PER_ADDRESS + 3)}
    assert len(pages) == 1
    assert OwedMail.objects.count() == 1


def test_one_network_in_a_loop_is_told_to_wait(
    stranger: Client, form: SignupForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttle, "PER_NETWORK", 3)
    codes = [
        stranger.post(
            address(form),
            {"email": f"p{number}@example.org", "agree": "yes", "shown": shown(form)},
            REMOTE_ADDR=f"192.0.2.{number}",
        ).status_code
        for number in range(5)
    ]
    assert codes == [200, 200, 200, 429, 429]
    assert SignupRequest.objects.count() == 3


def test_without_redis_people_still_sign_up(
    stranger: Client, form: SignupForm, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = redis.Redis(unix_socket_path="/nonexistent/redis.sock", retry=None)
    monkeypatch.setattr(throttle, "_client", lambda: away)
    assert sign_up(stranger, form).status_code == 200
    assert OwedMail.objects.count() == 1


def test_a_program_that_fills_every_field_gets_the_same_answer_and_nothing_is_stored(
    stranger: Client, form: SignupForm
) -> None:
    page = sign_up(stranger, form, website="https://spam.example")
    assert page.status_code == 200
    assert not SignupRequest.objects.exists()
    assert page.content == sign_up(stranger, form).content


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"email": "nobody"}, "check the address"),
        ({"email": "a\0b@example.org"}, "check the address"),
        ({"email": "x" * 5_000}, "check the address"),
        ({"agree": None}, "tick that we may write"),
    ],
)
def test_bad_input_is_told_and_nothing_typed_is_lost(
    stranger: Client, form: SignupForm, more: dict[str, str | None], says: str
) -> None:
    data = {"email": ADA, "agree": "yes", "shown": shown(form), "name": "Ada <b>", **more}
    page = stranger.post(address(form), {key: value for key, value in data.items() if value is not None})
    assert page.status_code == 422
    assert says in page.content.decode()
    assert "Ada &lt;b&gt;" in page.content.decode()
    assert not SignupRequest.objects.exists()


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


def test_single_opt_in_takes_newcomers_at_once_and_asks_those_who_left(stranger: Client) -> None:
    form = make_form(opt_in=OptIn.SINGLE)
    left = people.person("left@example.org")
    unsubscribe.leave_all(subscriber_id=left.pk, source="test", method="page")
    pages = {sign_up(stranger, form, email).content for email in (ADA, "left@example.org")}
    assert len(pages) == 1
    assert mailable() == ""
    assert mailable("left@example.org") == "unsubscribed"
    assert OwedMail.objects.count() == 1
    assert ConsentRecord.objects.filter(method="form", act="granted").count() == 2


def test_an_erasure_forgets_what_waits_for_the_address(stranger: Client, form: SignupForm) -> None:
    person = people.person(ADA)
    sign_up(stranger, form)
    erasure.erase(subscriber_id=person.pk, actor=None, source="test")
    assert not SignupRequest.objects.exists()
    assert not OwedMail.objects.exists()


def test_a_closed_form_says_so(stranger: Client, form: SignupForm) -> None:
    signup_forms.archive(form=form, actor=None)
    assert stranger.get(address(form)).status_code == 410
    assert sign_up(stranger, form).status_code == 410
    assert not SignupRequest.objects.exists()


def test_a_form_of_a_list_out_of_use_is_closed(stranger: Client, form: SignupForm) -> None:
    lists.archive(mailing_list=form.mailing_list)
    assert stranger.get(address(form)).status_code == 410


def test_people_are_led_to_the_sites_own_thank_you_page(stranger: Client) -> None:
    form = make_form(redirect_url="https://shop.example/thanks")
    sign_up(stranger, form)
    answer = confirm(stranger)
    assert (answer.status_code, answer["Location"]) == (303, "https://shop.example/thanks")


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_form_speaks_the_browsers_language(stranger: Client, language: str) -> None:
    form = make_form(languages=" ".join(words.LANGUAGES))
    page = stranger.get(address(form), headers={"accept-language": f"{language}-XX,en;q=0.5"})
    text = page.content.decode()
    assert f'<html lang="{language}">' in text
    assert words.say(language, "sign_up") in text


def test_the_link_is_good_for_its_purpose_alone(form: SignupForm) -> None:
    token = hosted_path("data", 7).split("/")[2]
    for purpose in ("confirm", "erase"):
        with pytest.raises(tokens.InvalidToken):
            hosted_tokens.read(purpose, token)
    assert hosted_tokens.read("data", token).reference == 7


def test_a_page_with_older_words_takes_nobodys_consent_to_the_new_ones(
    stranger: Client, form: SignupForm
) -> None:
    old = shown(form)
    wording = signup_forms.Wording(
        title="News", wording="Yes, Harbour Books and its partners may write to me."
    )
    signup_forms.say(form=form, language="en", wording=wording, actor=None)
    answer = sign_up(stranger, form, shown=old)
    text = answer.content.decode()
    assert answer.status_code == 422
    assert "and its partners" in text
    assert ADA in text
    assert " checked" not in text
    assert not SignupRequest.objects.exists()


def test_the_snippet_is_plain_html_that_signs_up(client: Client, stranger: Client, form: SignupForm) -> None:
    client.force_login(ViewerFactory.create())
    page = client.get(reverse("events:form_detail", args=[form.public_id]))
    snippet = page.context["snippet"]
    assert "<script" not in snippet
    assert "style" not in snippet
    assert address(form) in snippet
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', snippet))
    assert stranger.post(address(form), {**hidden, "email": ADA, "agree": "yes"}).status_code == 200
    assert SignupRequest.objects.count() == 1
