import pytest
from django.test import Client

from mailplatform.accounts.models import AuditEntry, Role
from mailplatform.accounts.services import users
from tests.factories.accounts import PASSWORD, AdminFactory, UserFactory

pytestmark = pytest.mark.django_db


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
    assert client.get("/account/profile/").status_code == 200


def test_ones_own_profile() -> None:
    user = users.update_profile(user=UserFactory.create(), name="Ada", time_zone="Europe/Rome")
    user.refresh_from_db()
    assert (user.name, user.time_zone) == ("Ada", "Europe/Rome")
