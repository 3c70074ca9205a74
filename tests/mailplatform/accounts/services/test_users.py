import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import time_machine
from django.core import mail
from django.db import connection
from django.test import Client
from pytest_django import Settings

from mailplatform.accounts.models import AuditEntry, Role, User
from mailplatform.accounts.services import api_tokens, users
from tests.factories.accounts import PASSWORD, AdminFactory, InstallationFactory, UserFactory

pytestmark = pytest.mark.django_db
LOCMEM = "django.core.mail.backends.locmem.EmailBackend"


def test_an_invited_person_has_no_password_yet() -> None:
    user = users.invite(actor=AdminFactory.create(), email=" New@Example.org ", name="New", role="viewer")
    assert (user.email, user.role, user.has_usable_password()) == ("new@example.org", Role.VIEWER, False)
    assert AuditEntry.objects.get().action == "user.invited"


def test_an_address_can_be_invited_once() -> None:
    UserFactory.create(email="new@example.org")
    with pytest.raises(users.AddressTaken):
        users.invite(actor=AdminFactory.create(), email="NEW@example.org", name="New", role="viewer")


def test_the_link_sets_a_password_and_works_once(client: Client) -> None:
    user = users.invite(actor=AdminFactory.create(), email="new@example.org", name="New", role="viewer")
    link = users.password_link(user)
    form = client.get(link, follow=True)
    address = form.redirect_chain[-1][0]
    client.post(address, {"password1": PASSWORD, "password2": PASSWORD})
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
    assert b"no longer works" in Client().get(link, follow=True).content


def test_a_role_can_be_changed() -> None:
    admin, user = AdminFactory.create(), UserFactory.create()
    users.change_role(actor=admin, user=user, role="admin")
    user.refresh_from_db()
    assert user.role == Role.ADMIN
    assert AuditEntry.objects.get().detail["role"] == ["marketer", "admin"]


def test_the_same_role_is_no_change() -> None:
    users.change_role(actor=AdminFactory.create(), user=UserFactory.create(), role="marketer")
    assert not AuditEntry.objects.exists()


def test_the_last_administrator_stays_one() -> None:
    admin = AdminFactory.create()
    AdminFactory.create(is_active=False)
    with pytest.raises(users.LastAdministrator):
        users.change_role(actor=admin, user=admin, role="viewer")
    with pytest.raises(users.LastAdministrator):
        users.set_active(actor=admin, user=admin, active=False)
    admin.refresh_from_db()
    assert (admin.role, admin.is_active) == (Role.ADMIN, True)
    assert not AuditEntry.objects.exists()


def test_somebody_who_is_let_go_is_signed_out_at_once(client: Client) -> None:
    admin, user = AdminFactory.create(), UserFactory.create()
    client.force_login(user)
    assert client.get("/account/profile/").status_code == 200
    users.set_active(actor=admin, user=user, active=False)
    assert client.get("/account/profile/").status_code == 302
    users.set_active(actor=admin, user=user, active=True)
    assert client.get("/account/profile/").status_code == 302


def test_ones_own_profile() -> None:
    user = users.update_profile(user=UserFactory.create(), name="Ada", time_zone="Europe/Rome")
    user.refresh_from_db()
    assert (user.name, user.time_zone) == ("Ada", "Europe/Rome")


def test_tokens_of_somebody_who_is_let_go_stay_revoked() -> None:
    admin, user = AdminFactory.create(), UserFactory.create()
    _, secret = api_tokens.make(name="Shop", scopes=["lists:read"], owner=user)
    users.set_active(actor=admin, user=user, active=False)
    users.set_active(actor=admin, user=user, active=True)
    assert api_tokens.find(secret) is None
    gone = AuditEntry.objects.get(action="user.deactivated")
    assert gone.detail["api_tokens_revoked"] == 1


def test_an_administrator_who_never_came_does_not_count() -> None:
    admin = AdminFactory.create()
    users.invite(actor=admin, email="new@example.org", name="New", role="admin")
    with pytest.raises(users.LastAdministrator):
        users.change_role(actor=admin, user=admin, role="viewer")


def test_a_new_invitation_makes_the_old_link_worthless(client: Client) -> None:
    admin = AdminFactory.create()
    user = users.invite(actor=admin, email="new@example.org", name="New", role="viewer")
    old = users.password_link(user)
    again = users.renew_invitation(actor=admin, user=user)
    assert b"no longer works" in client.get(old, follow=True).content
    assert b"no longer works" not in Client().get(users.password_link(again), follow=True).content


def test_a_revoked_invitation_is_gone_with_its_link(client: Client) -> None:
    admin = AdminFactory.create()
    user = users.invite(actor=admin, email="new@example.org", name="New", role="viewer")
    link = users.password_link(user)
    users.revoke_invitation(actor=admin, user=user)
    assert b"no longer works" in client.get(link, follow=True).content
    assert AuditEntry.objects.get(action="user.invitation_revoked").detail == {"email": "new@example.org"}
    users.invite(actor=admin, email="new@example.org", name="New", role="viewer")


def test_a_link_stops_working_when_its_time_is_over(client: Client) -> None:
    user = users.invite(actor=AdminFactory.create(), email="new@example.org", name="New", role="viewer")
    link, ends = users.password_link(user), users.invitation_ends(user)
    assert ends is not None
    with time_machine.travel(ends + dt.timedelta(minutes=1)):
        assert b"no longer works" in client.get(link, follow=True).content


def test_who_has_a_password_has_no_invitation() -> None:
    admin, user = AdminFactory.create(), UserFactory.create()
    for act in (users.renew_invitation, users.revoke_invitation):
        with pytest.raises(users.AlreadyJoined):
            act(actor=admin, user=user)


def test_the_invitation_is_a_mail_that_leads_to_the_password(client: Client, settings: Settings) -> None:
    settings.EMAIL_BACKEND = LOCMEM
    InstallationFactory.create(company="Harbour Books", public_url="https://mail.example.org")
    admin = AdminFactory.create(name="Ada")
    user = users.invite(actor=admin, email="new@example.org", name="O'Neil", role="marketer")
    assert users.send_invitation(actor=admin, user=user)
    sent = mail.outbox[0]
    assert (sent.to, sent.subject) == (["new@example.org"], "Ada invites you to mailplatform")
    body = str(sent.body)
    assert "O'Neil" in body
    assert "of Harbour Books, as marketer" in body
    link = next(line for line in body.splitlines() if line.startswith("https://mail.example.org/"))
    page = client.get(link.removeprefix("https://mail.example.org"), follow=True)
    assert b"Save the password" in page.content


@pytest.mark.drill
@pytest.mark.django_db(transaction=True)
def test_two_administrators_cannot_remove_each_other_at_the_same_moment() -> None:
    pair = [AdminFactory.create(), AdminFactory.create()]
    start = threading.Barrier(2)

    def demote(actor: User, other: User) -> bool:
        try:
            start.wait()
            users.change_role(actor=actor, user=other, role="viewer")
        except users.LastAdministrator:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(demote, pair, reversed(pair)))
    assert sorted(done) == [False, True]
    assert User.objects.filter(role=Role.ADMIN).count() == 1
