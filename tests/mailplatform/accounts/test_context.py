import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from mailplatform.accounts.context import NAVIGATION, Place
from mailplatform.accounts.models import Role
from tests.factories.accounts import AdminFactory, UserFactory, ViewerFactory

pytestmark = pytest.mark.django_db
PLACES = [place for _, places in NAVIGATION for place in places]


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.label)
def test_each_place_exists_and_knows_that_one_is_there(client: Client, place: Place) -> None:
    client.force_login(AdminFactory.create())
    page = client.get(reverse(place.url_name))
    active = [
        item["label"]
        for section in page.context["shell"]["nav"]
        for item in section["items"]
        if item["active"]
    ]
    assert active == [place.label]
    assert page.content.decode().count('aria-current="page"') >= 1


@pytest.mark.parametrize(("factory", "role"), [(ViewerFactory, Role.VIEWER), (UserFactory, Role.MARKETER)])
def test_only_administrators_see_the_settings(client: Client, factory: type[UserFactory], role: Role) -> None:
    user = factory.create()
    assert user.role == role
    client.force_login(user)
    assert b'/settings/"' not in client.get("/account/profile/").content


def test_the_sandbox_is_named_on_every_page(client: Client, settings: Settings) -> None:
    client.force_login(AdminFactory.create())
    assert b"No mail leaves this machine" not in client.get("/account/profile/").content
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:4579", "sns": "http://127.0.0.1:4579"}
    settings.SANDBOX_URL = "http://127.0.0.1:4579"
    page = client.get("/account/profile/").content
    assert b"No mail leaves this machine" in page
    assert b"http://127.0.0.1:4579/mailbox" in page
