import time
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from django.core import mail
from django.test import Client
from pytest_django import Settings

from mailplatform.accounts.adapter import SealingMfaAdapter
from mailplatform.accounts.models import AuditEntry
from tests.factories.accounts import PASSWORD, UserFactory

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


def test_guessing_passwords_is_slowed_down() -> None:
    client = Client(REMOTE_ADDR="192.0.2.2")
    user = UserFactory.create()
    for _ in range(5):
        client.post("/account/login/", {"login": user.email, "password": "wrong"})
    page = client.post("/account/login/", {"login": user.email, "password": "correct horse battery"})
    assert "Too many failed login attempts" in page.content.decode()
    assert "_auth_user_id" not in client.session


def test_secrets_of_the_second_factor_are_sealed_and_survive_a_new_secret_key(settings: Settings) -> None:
    adapter = SealingMfaAdapter()
    sealed = adapter.encrypt("JBSWY3DPEHPK3PXP")
    assert "JBSWY" not in sealed
    settings.SECRET_KEY = "another secret key that is long enough for this"
    assert adapter.decrypt(sealed) == "JBSWY3DPEHPK3PXP"
    assert adapter.decrypt("STORED BEFORE THAT") == "STORED BEFORE THAT"


def test_a_second_factor_is_set_up_asked_for_and_noted(django_capture_on_commit_callbacks: Any) -> None:
    user, client, other = (
        UserFactory.create(),
        Client(REMOTE_ADDR="192.0.2.1"),
        Client(REMOTE_ADDR="192.0.2.1"),
    )
    client.post("/account/login/", {"login": user.email, "password": PASSWORD})
    secret = client.get("/account/2fa/totp/activate/").context["form"].secret
    with django_capture_on_commit_callbacks(execute=True):
        made = client.post("/account/2fa/totp/activate/", {"code": code_of(secret)})
    assert made.status_code == 302
    assert secret not in str(Authenticator.objects.get(type="totp").data)
    assert AuditEntry.objects.filter(action="second_factor.added").exists()
    codes = client.get("/account/2fa/recovery-codes/").content.decode()
    assert codes.count("\n", codes.index("<textarea"), codes.index("</textarea>")) == 9
    answer = other.post("/account/login/", {"login": user.email, "password": PASSWORD})
    assert answer["Location"] == "/account/2fa/authenticate/"
    assert other.get("/account/profile/").status_code == 302
    other.post("/account/2fa/authenticate/", {"code": "000000"})
    assert other.get("/account/profile/").status_code == 302
    with time_machine.travel(time.time() + 30):
        other.post("/account/2fa/authenticate/", {"code": code_of(secret)})
    assert other.get("/account/profile/").status_code == 200
    assert AuditEntry.objects.filter(action="user.signed_in").order_by("id")[1].detail["by"] == [
        "password",
        "totp",
    ]


def code_of(secret: str) -> str:
    return f"{totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))):06}"


def test_guessing_is_slowed_down_for_one_machine_whatever_the_account() -> None:
    UserFactory.create()
    client = Client(REMOTE_ADDR="192.0.2.3")
    for number in range(10):
        client.post("/account/login/", {"login": f"nobody{number}@example.org", "password": "wrong"})
    page = client.post("/account/login/", {"login": "nobody@example.org", "password": "wrong"})
    assert "Too many failed login attempts" in page.content.decode()


def test_a_wrong_password_and_an_unknown_account_sound_the_same() -> None:
    user, client = UserFactory.create(), Client(REMOTE_ADDR="192.0.2.4")
    gone = UserFactory.create(is_active=False)
    pages = [
        client.post("/account/login/", {"login": login, "password": "wrong"}).context["form"].errors
        for login in (user.email, gone.email, "nobody@example.org")
    ]
    assert pages[0] == pages[1] == pages[2]


def test_nobody_changes_the_address_that_an_administrator_invited(client: Client) -> None:
    user = UserFactory.create(email="ada@example.org")
    client.force_login(user)
    answer = client.post("/account/email/", {"action_add": "", "email": "eve@example.org"})
    assert answer["Location"] == "/account/profile/"
    assert not EmailAddress.objects.filter(email="eve@example.org").exists()
