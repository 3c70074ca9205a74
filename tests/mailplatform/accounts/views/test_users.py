import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.asserts import assertContains, assertNotContains

from mailplatform.accounts.models import AuditEntry, Role, User
from tests.factories.accounts import AdminFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin() -> User:
    return AdminFactory.create()


@pytest.fixture
def desk(admin: User) -> Client:
    client = Client()
    client.force_login(admin)
    return client


def test_an_invitation_leads_to_the_link(desk: Client) -> None:
    data = {"name": "New", "email": "new@example.org", "role": "viewer"}
    page = desk.post("/settings/users/", data, follow=True)
    assertContains(page, "/account/password/reset/key/")
    assert User.objects.get(email="new@example.org").role == Role.VIEWER


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


def test_ones_own_profile(client: Client) -> None:
    user = UserFactory.create()
    client.force_login(user)
    client.post("/account/profile/", {"name": "Ada", "time_zone": "Europe/Rome"})
    user.refresh_from_db()
    assert (user.name, user.time_zone) == ("Ada", "Europe/Rome")
    assert client.post("/account/profile/", {"name": "", "time_zone": "Mars/Base"}).status_code == 422
