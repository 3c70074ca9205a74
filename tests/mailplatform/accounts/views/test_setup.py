from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from mailplatform.accounts.models import User
from mailplatform.accounts.services import first_run
from tests.factories.accounts import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _own_directory(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path


def form(**changes: str) -> dict[str, str]:
    filled = {"token": first_run.token(), "name": "Ada", "email": "ada@example.org"}
    return {**filled, "password": PASSWORD, "password_again": PASSWORD, **changes}


@pytest.mark.parametrize("path", ["/", "/account/login/", "/settings/", "/subscribers/"])
def test_whoever_comes_first_is_led_to_the_setup(client: Client, path: str) -> None:
    response = client.get(path)
    assert (response.status_code, response["Location"]) == (302, "/setup/")


def test_the_administrator_is_signed_in_and_goes_to_the_settings(client: Client) -> None:
    response = client.post("/setup/", form())
    assert (response.status_code, response["Location"]) == (302, "/settings/")
    assert client.get("/settings/").status_code == 200


def test_a_wrong_token_is_said_at_its_field_and_the_password_is_not_sent_back(client: Client) -> None:
    response = client.post("/setup/", form(token="guess"))
    assert response.status_code == 422
    assert "token" in response.context["form"].errors
    assert PASSWORD not in response.content.decode()
    assert not User.objects.exists()


def test_the_page_is_gone_once_somebody_can_sign_in(client: Client) -> None:
    UserFactory.create()
    for response in (client.get("/setup/"), client.post("/setup/", form())):
        assert (response.status_code, response["Location"]) == (302, "/account/login/")
    assert User.objects.count() == 1


def test_the_token_is_not_on_the_page(client: Client) -> None:
    assert first_run.token() not in client.get("/setup/").content.decode()
