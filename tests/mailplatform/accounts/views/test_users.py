import datetime as dt
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings
from pytest_django.asserts import assertContains, assertNotContains

from mailplatform.accounts.models import AuditEntry, Role, User
from mailplatform.accounts.services import users as service
from tests.factories.accounts import PASSWORD, AdminFactory, UserFactory, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return AdminFactory.create()


@pytest.fixture
def desk(admin: User) -> Client:
    return sign_in(Client(), admin)


def test_an_invitation_goes_out_by_mail_and_its_link_is_not_shown(desk: Client) -> None:
    data = {"name": "New", "email": "new@example.org", "role": "viewer"}
    page = desk.post("/settings/users/", data, follow=True)
    assertContains(page, "An invitation went to new@example.org")
    assertNotContains(page, "/account/password/reset/key/")
    assert User.objects.get(email="new@example.org").role == Role.VIEWER
    assert [sent.to for sent in mail.outbox] == [["new@example.org"]]


def test_where_no_mail_can_leave_the_link_is_shown(desk: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "no.such.Backend"
    page = desk.post(
        "/settings/users/", {"name": "New", "email": "n@example.org", "role": "viewer"}, follow=True
    )
    assertContains(page, "The mail could not leave")
    assertContains(page, "/account/password/reset/key/")


def test_an_invitation_is_sent_again_or_revoked(desk: Client, admin: User) -> None:
    guest = service.invite(actor=admin, email="new@example.org", name="New", role="viewer")
    address = f"/settings/users/{guest.pk}/"
    assertContains(desk.get(address), "Send again")
    assertContains(desk.post(f"{address}invite/", follow=True), "An invitation went to")
    assertContains(desk.post(f"{address}revoke/", follow=True), "was revoked")
    assert not User.objects.filter(pk=guest.pk).exists()
    for act in ("invite", "revoke"):
        page = desk.post(f"/settings/users/{admin.pk}/{act}/", follow=True)
        assertContains(page, "has set a password already")


def test_a_link_that_is_passed_on_renews_the_invitation(desk: Client, admin: User) -> None:
    guest = service.invite(actor=admin, email="new@example.org", name="New", role="viewer")
    User.objects.filter(pk=guest.pk).update(invited_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
    address = f"/settings/users/{guest.pk}/"
    assertContains(desk.get(address), "The last link no longer works")
    assertContains(desk.post(f"{address}link/", follow=True), "The last link works once, until")


def test_a_lost_second_factor_is_reset(
    desk: Client, client: Client, django_capture_on_commit_callbacks: Any
) -> None:
    user = UserFactory.create()
    Authenticator.objects.create(user=user, type="totp", data={"secret": "x"})
    client.force_login(user)
    address = f"/settings/users/{user.pk}/"
    assertContains(desk.get(address), "Reset the second factor")
    with django_capture_on_commit_callbacks(execute=True):
        page = desk.post(f"{address}second-factor/", follow=True)
    assertContains(page, "was told so by mail")
    assert client.get("/account/profile/").status_code == 302
    assert mail.outbox[0].to == [user.email]
    assert AuditEntry.objects.get(action="second_factor.reset").detail["sessions_ended"] == 1
    assertContains(desk.post(f"{address}second-factor/", follow=True), "has no second factor")


ACTS = {
    "": {"name": "New", "email": "new@example.org", "role": "admin"},
    "{}/role/": {"role": "admin"},
    "{}/link/": {},
    "{}/invite/": {},
    "{}/second-factor/": {},
    "{}/active/": {"active": "yes"},
}


@pytest.mark.parametrize("path", ACTS)
def test_what_hands_out_power_asks_for_the_password_and_then_goes_on(admin: User, path: str) -> None:
    user = UserFactory.create()
    client = Client()
    client.force_login(admin)
    answer = client.post(f"/settings/users/{path.format(user.pk)}", ACTS[path])
    assert answer["Location"].startswith("/account/reauthenticate/?next=")
    assert not AuditEntry.objects.exists()
    answer = client.post(answer["Location"], {"password": "wrong"})
    assert answer.status_code == 200
    assert not AuditEntry.objects.exists()


def test_the_act_is_done_after_the_password(admin: User) -> None:
    user = UserFactory.create()
    client = Client()
    client.force_login(admin)
    asked = client.post(f"/settings/users/{user.pk}/role/", {"role": "viewer"})
    client.post(asked["Location"], {"password": PASSWORD, "next": f"/settings/users/{user.pk}/role/"})
    user.refresh_from_db()
    assert user.role == Role.VIEWER


def test_the_link_is_shown_once_to_whoever_made_it_and_the_log_says_so(desk: Client, admin: User) -> None:
    guest = UserFactory.create()
    other = Client()
    other.force_login(AdminFactory.create())
    address = f"/settings/users/{guest.pk}/"
    assertNotContains(desk.get(address), "/account/password/reset/key/")
    assert desk.post(f"{address}link/").status_code == 302
    assertNotContains(other.get(address), "/account/password/reset/key/")
    assertContains(desk.get(address), "/account/password/reset/key/")
    assertNotContains(desk.get(address), "/account/password/reset/key/")
    made = AuditEntry.objects.get(action="user.link_made")
    assert (made.actor_id, made.object_id) == (admin.pk, str(guest.pk))
    assert "key" not in str(made.detail)


def test_a_second_invitation_is_explained(desk: Client, admin: User) -> None:
    page = desk.post("/settings/users/", {"name": "New", "email": admin.email.upper(), "role": "viewer"})
    assert page.status_code == 422
    assertContains(page, "in the list already", status_code=422)


def test_a_role_is_changed(desk: Client) -> None:
    user = UserFactory.create()
    desk.post(f"/settings/users/{user.pk}/role/", {"role": "viewer"})
    user.refresh_from_db()
    assert user.role == Role.VIEWER


def test_the_last_administrator_is_told_why_not(desk: Client, admin: User) -> None:
    page = desk.post(f"/settings/users/{admin.pk}/role/", {"role": "viewer"}, follow=True)
    assertContains(page, "only administrator")
    page = desk.post(f"/settings/users/{admin.pk}/active/", {"active": "no"}, follow=True)
    assertContains(page, "only administrator")


def test_closing_and_opening_access(desk: Client) -> None:
    user = UserFactory.create()
    page = desk.post(f"/settings/users/{user.pk}/active/", {"active": "no"}, follow=True)
    assertContains(page, "Open access again")
    assertNotContains(page, "/account/password/reset/key/")
    desk.post(f"/settings/users/{user.pk}/active/", {"active": "yes"})
    user.refresh_from_db()
    assert user.is_active


def test_nonsense_changes_nothing(desk: Client) -> None:
    user = UserFactory.create()
    desk.post(f"/settings/users/{user.pk}/role/", {"role": "owner"})
    user.refresh_from_db()
    assert user.role == Role.MARKETER
    assert desk.get("/settings/users/999999/").status_code == 404


def test_the_list_asks_as_often_for_many_as_for_one(
    desk: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    UserFactory.create_batch(20)
    desk.get("/settings/users/")
    with django_assert_num_queries(4):  # session, user, installation, people
        desk.get("/settings/users/")
