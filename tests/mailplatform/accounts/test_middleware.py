import pytest
from allauth.mfa.models import Authenticator
from django.test import Client

from tests.factories.accounts import InstallationFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path", ["/", "/subscribers/", "/campaigns/", "/templates/", "/consent/", "/settings/"]
)
def test_strangers_must_sign_in(client: Client, path: str) -> None:
    UserFactory.create()
    response = client.get(path)
    assert (response.status_code, response["Location"]) == (302, f"/account/login/?next={path}")


def test_an_unknown_address_is_unknown_to_strangers_too(client: Client) -> None:
    UserFactory.create()
    assert client.get("/no/such/page/").status_code == 404


def test_the_page_of_a_reader_needs_no_sign_in_and_asks_nothing_about_users(client: Client) -> None:
    assert client.get("/u/not-a-token/").status_code == 404


@pytest.mark.parametrize(
    ("own", "installations", "expected"),
    [("Asia/Tokyo", "Europe/Berlin", "JST"), ("", "Europe/Berlin", "CE"), ("", "UTC", "UTC")],
)
def test_times_are_shown_in_the_zone_of_the_user(
    client: Client, own: str, installations: str, expected: str
) -> None:
    InstallationFactory.create(time_zone=installations)
    client.force_login(UserFactory.create(time_zone=own))
    page = client.get("/account/profile/").content.decode()
    assert f" {expected}" in page.split("Last signed in")[1]


def test_whoever_lacks_the_second_factor_sets_one_up_first(client: Client) -> None:
    InstallationFactory.create(require_second_factor=True)
    user = UserFactory.create()
    client.force_login(user)
    assert client.get("/")["Location"] == "/account/2fa/"
    assert client.get("/", headers={"HX-Request": "true"})["HX-Refresh"] == "true"
    assert client.get("/account/2fa/").status_code == 200
    assert client.get("/account/logout/").status_code == 200
    assert client.get("/u/not-a-token/").status_code == 404
    Authenticator.objects.create(user=user, type="recovery_codes", data={})
    assert client.get("/account/profile/").status_code == 302
    Authenticator.objects.create(user=user, type="totp", data={})
    assert client.get("/account/profile/").status_code == 200
