"""Policies, template and the request for production access: shown, copied, downloaded."""

import json
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailplatform.accounts.services import installation
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.accounts import AdminFactory, UserFactory, sign_in
from tests.factories.aws import SERVICES

pytestmark = pytest.mark.django_db
HERE = "events:amazon_documents"


@pytest.fixture
def admin(client: Client, settings: Any, shared_sandbox: RunningSandbox) -> Client:
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, shared_sandbox.url)
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    settings.AWS_REGION, settings.PUBLIC_URL = "eu-central-1", "https://news.example.eu"
    sign_in(client, AdminFactory.create())
    installation.update(actor=None, company="Harbour Books", sender_address="news@example.eu")
    return client


def test_all_are_there_for_the_account_of_the_keys(admin: Client, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(15):
        text = admin.get(reverse(HERE)).content.decode()
    for name in ("policy-setup", "policy-runtime", "cloudformation", "production-access"):
        assert f'data-copy="{name}"' in text
    assert f"arn:aws:ses:eu-central-1:{constants.ACCOUNT_ID}:identity/example.eu" in text
    assert "Harbour Books will send newsletters" in text


@pytest.mark.parametrize(
    ("name", "key"),
    [("policy-setup", "Statement"), ("policy-runtime", "Statement"), ("cloudformation", "Resources")],
)
def test_a_file_is_json_of_what_is_shown(admin: Client, name: str, key: str) -> None:
    answer = admin.get(reverse(HERE), {"file": name})
    assert answer["Content-Disposition"] == f'attachment; filename="mailplatform-{name}.json"'
    assert answer["Content-Type"] == "application/json"
    assert json.loads(answer.content)[key]


def test_what_was_chosen_and_not_applied_yet_is_in_them(admin: Client) -> None:
    installation.update(actor=None, account_choices={"ip_pool": "warm", "identities": ["shop.eu"]})
    made = json.loads(admin.get(reverse(HERE), {"file": "cloudformation"}).content)["Resources"]
    types = [item["Type"] for item in made.values()]
    assert "AWS::SES::DedicatedIpPool" in types
    answer = admin.get(reverse(HERE), {"file": "production-access"})
    assert answer["Content-Type"].startswith("text/plain")
    assert "from shop.eu" in answer.content.decode()


def test_before_there_are_keys_the_number_of_the_account_is_enough(admin: Client, settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, "http://127.0.0.1:9")
    text = admin.get(reverse(HERE)).content.decode()
    assert "Policies and template need the account's number" in text
    assert "Amazon did not answer" in text
    assert 'data-copy="production-access"' in text
    assert 'data-copy="policy-setup"' not in text
    text = admin.get(reverse(HERE), {"account": "210987654321"}).content.decode()
    assert "arn:aws:ses:eu-central-1:210987654321:identity/example.eu" in text
    assert "?account=210987654321&amp;file=policy-setup" in text
    found = admin.get(reverse(HERE), {"account": "210987654321", "file": "policy-setup"}).content.decode()
    assert "210987654321" in found
    assert constants.ACCOUNT_ID not in found


@pytest.mark.parametrize("number", ["12", "1234-5678-9012", "<script>", "12345678901x"])
def test_what_is_no_number_is_said(admin: Client, number: str) -> None:
    text = admin.get(reverse(HERE), {"account": number}).content.decode()
    assert "has 12 digits" in text
    assert "<script>" not in text
    assert 'data-copy="policy-setup"' not in text


def test_a_choice_that_cannot_be_is_said(admin: Client) -> None:
    installation.update(actor=None, configuration_set_prefix="Shop")
    assert "small letters, digits and hyphens" in admin.get(reverse(HERE)).content.decode()


def test_no_other_file_is_there_and_nobody_else_reads_them(admin: Client, client: Client) -> None:
    assert admin.get(reverse(HERE), {"file": "secrets"}).status_code == 404
    sign_in(client, UserFactory.create())
    assert client.get(reverse(HERE)).status_code == 403
