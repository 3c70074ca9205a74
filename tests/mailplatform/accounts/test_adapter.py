import pytest
from django.core import mail
from django.test import Client
from pytest_django import Settings

from tests.factories.accounts import UserFactory

pytestmark = pytest.mark.django_db
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


def test_nobody_signs_up_by_themselves(client: Client) -> None:
    data = {
        "email": "x@example.org",
        "password1": "correct horse battery",
        "password2": "correct horse battery",
    }
    UserFactory.create()
    assert b"By invitation" in client.get("/account/signup/").content
    assert b"By invitation" in client.post("/account/signup/", data).content


def test_the_link_to_a_new_password_goes_out(client: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = LOCMEM
    UserFactory.create(email="ada@example.org")
    response = client.post("/account/password/reset/", {"email": "ada@example.org"})
    assert response.status_code == 302
    assert mail.outbox[0].subject == "Set your password for mailplatform"
    assert "/account/password/reset/key/" in mail.outbox[0].body
    assert "example.com" not in mail.outbox[0].body


def test_a_stranger_learns_nothing_about_who_works_here(client: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = LOCMEM
    UserFactory.create(email="ada@example.org")
    known = client.post("/account/password/reset/", {"email": "ada@example.org"})
    unknown = client.post("/account/password/reset/", {"email": "bob@example.org"})
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


def test_nobody_without_an_account_gets_mail(client: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = LOCMEM
    UserFactory.create(email="ada@example.org")
    client.post("/account/password/reset/", {"email": "stranger@example.org"})
    assert not mail.outbox


def test_a_broken_mail_server_is_no_broken_page(client: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "no.such.Backend"
    UserFactory.create(email="ada@example.org")
    assert client.post("/account/password/reset/", {"email": "ada@example.org"}).status_code == 302


def test_guessing_passwords_is_slowed_down(client: Client) -> None:
    user = UserFactory.create()
    for _ in range(5):
        client.post("/account/login/", {"login": user.email, "password": "wrong"})
    page = client.post("/account/login/", {"login": user.email, "password": "correct horse battery"})
    assert "Too many failed login attempts" in page.content.decode()
    assert "_auth_user_id" not in client.session
