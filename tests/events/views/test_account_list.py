"""Amazon's list on its page: an address is looked for, and taken off by an administrator who says why."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailplatform.accounts.services import installation
from mailplatform.aws import suppression as ses_list
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.accounts import AdminFactory, MarketerFactory, sign_in

pytestmark = pytest.mark.django_db
PAGE = "events:deliverability_list"


@pytest.fixture(autouse=True)
def _site(shared_sandbox: RunningSandbox, settings: Any) -> Iterator[None]:
    settings.AWS_ENDPOINT_URLS = {"sesv2": shared_sandbox.url}
    settings.AWS_REGION = shared_sandbox.region
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    connection = installation.aws_connection()
    ses_list.put(connection, email="anna@example.com", reason="BOUNCE")
    ses_list.put(connection, email="carl@example.com", reason="COMPLAINT")
    yield
    for entry in list(ses_list.listed(connection)):
        ses_list.delete(connection, entry.email)


@pytest.fixture
def admin(client: Client) -> Client:
    sign_in(client, AdminFactory.create())
    return client


def search(client: Client, email: str) -> str:
    return client.get(reverse(PAGE), {"q": email}).content.decode()


def test_an_address_is_found_or_not(client: Client) -> None:
    client.force_login(MarketerFactory.create())
    text = search(client, "anna@example.com")
    assert "Hard bounce" in text
    assert "An administrator can take it off." in text
    assert "Not on the list" in search(client, "nobody@example.com")
    assert "Nobody was looked for" in search(client, "not an address")
    assert "every six hours" in client.get(reverse(PAGE)).content.decode()
    assert client.post(reverse(PAGE), {"email": "anna@example.com", "because": "x"}).status_code == 403


def test_it_is_taken_off_with_a_reason(admin: Client) -> None:
    wrong = admin.post(reverse(PAGE), {"email": "anna@example.com", "because": ""})
    assert wrong.status_code == 422
    assert "anna@example.com" in wrong.content.decode()
    form = {"email": "anna@example.com", "because": "Works again"}
    assert "Taken off at Amazon and here." in admin.post(reverse(PAGE), form, follow=True).content.decode()
    assert "Not on the list" in search(admin, "anna@example.com")


def test_who_complained_stays(admin: Client) -> None:
    response = admin.post(reverse(PAGE), {"email": "carl@example.com", "because": "x"})
    assert response.status_code == 422
    assert "only the person themselves can come back" in response.content.decode()


def test_the_password_is_asked_again(client: Client) -> None:
    client.force_login(AdminFactory.create())
    response = client.post(reverse(PAGE), {"email": "anna@example.com", "because": "x"})
    assert "reauthenticate" in response.headers["Location"]


def test_an_amazon_that_does_not_answer_is_said(admin: Client, settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    assert "Amazon SES did not answer" in search(admin, "anna@example.com")
    form = {"email": "anna@example.com", "because": "x"}
    assert admin.post(reverse(PAGE), form).status_code == 422
