"""Signing up, as people and programs do it: the form and its answers."""

import datetime as dt
import re
from typing import Any

import pytest
import redis
from django.test import Client
from django.urls import reverse

from events import throttle
from mailplatform.core import clock, keys
from subscribers import words
from subscribers.models import (
    ConsentRecord,
    OptIn,
    OwedMail,
    SignupForm,
    SignupRequest,
    Subscriber,
)
from subscribers.services import erasure, lists, signup, signup_forms, suppression, unsubscribe
from tests.factories import subscribers as people
from tests.factories.accounts import ViewerFactory
from tests.factories.signup import (
    ADA,
    WORDING,
    address,
    mailable,
    make_form,
    shown,
    sign_up,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_counts_of_before")]


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


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_the_form_speaks_the_browsers_language(stranger: Client, language: str) -> None:
    form = make_form(languages=" ".join(words.LANGUAGES))
    page = stranger.get(address(form), headers={"accept-language": f"{language}-XX,en;q=0.5"})
    text = page.content.decode()
    assert f'<html lang="{language}">' in text
    assert words.say(language, "sign_up") in text


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
