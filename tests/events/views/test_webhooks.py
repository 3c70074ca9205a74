"""Administrators make endpoints, see their secret and log, test and play again; nobody else does."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from events.models import WebhookDelivery, WebhookEndpoint
from events.services import webhook_sending, webhooks
from mailplatform.accounts.models import AuditEntry
from mailplatform.sandbox.constants import ACCOUNT_ID
from tests.factories.accounts import AdminFactory, UserFactory
from tests.factories.campaigns import make_site
from tests.factories.receiver import Receiver, receiver

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings: Any) -> Iterator[Receiver]:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9", "sns": "http://127.0.0.1:9"}
    make_site(account_id=ACCOUNT_ID)
    with receiver() as found:
        yield found


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(AdminFactory.create())
    return client


def detail(endpoint: WebhookEndpoint, name: str = "detail") -> str:
    return reverse(f"events:webhook_{name}", args=[endpoint.public_id])


def test_endpoint_is_made_tested_and_its_log_read(admin: Client, server: Receiver) -> None:
    data = {"url": server.url, "types": ["mail.bounced", "person.unsubscribed"], "description": "CRM"}
    response = admin.post(reverse("events:webhook_add"), data, follow=True)
    endpoint = WebhookEndpoint.objects.get()
    text = response.content.decode()
    assert webhooks.secret_of(endpoint) in text
    assert "CRM" in text
    admin.post(detail(endpoint, "test"))
    webhook_sending.send_due()
    assert len(server.posts) == 1
    text = admin.get(detail(endpoint)).content.decode()
    assert "webhook.test" in text
    assert "Delivered" in text
    admin.post(detail(endpoint, "replay"), {"delivery": WebhookDelivery.objects.get().pk})
    webhook_sending.send_due()
    assert server.posts[0].headers["webhook-id"] == server.posts[1].headers["webhook-id"]
    assert "CRM" in admin.get(reverse("events:webhook_list")).content.decode()


@pytest.mark.parametrize("url", ["https://192.168.0.1/", "http://example.com/", ""])
def test_address_of_our_own_network_is_refused_with_words(admin: Client, server: Receiver, url: str) -> None:
    response = admin.post(reverse("events:webhook_add"), {"url": url, "types": ["mail.bounced"]})
    assert response.status_code == 422
    assert not WebhookEndpoint.objects.exists()


def test_endpoint_is_changed_given_a_new_secret_and_removed(admin: Client, server: Receiver) -> None:
    endpoint = webhooks.create(url=server.url, types=["mail.bounced"])
    before = webhooks.secret_of(endpoint)
    admin.post(detail(endpoint), {"url": server.url, "types": ["mail.sent"], "description": ""})
    endpoint.refresh_from_db()
    assert (endpoint.types, endpoint.is_active) == (["mail.sent"], False)
    admin.post(detail(endpoint, "rotate"))
    endpoint.refresh_from_db()
    assert webhooks.secret_of(endpoint) != before
    admin.post(detail(endpoint, "remove"))
    assert not WebhookEndpoint.objects.exists()
    actions = set(AuditEntry.objects.values_list("action", flat=True))
    assert {"webhook.created", "webhook.changed", "webhook.secret_rotated", "webhook.removed"} <= actions
    assert before not in str(list(AuditEntry.objects.values_list("detail", flat=True)))


def test_list_of_endpoints_asks_few_questions(
    admin: Client, server: Receiver, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        webhooks.create(url=server.url, types=["mail.bounced"])
    with django_assert_max_num_queries(8):
        admin.get(reverse("events:webhook_list"))


def test_marketers_see_no_webhooks(client: Client, server: Receiver) -> None:
    endpoint = webhooks.create(url=server.url, types=["mail.bounced"])
    client.force_login(UserFactory.create())
    assert client.get(reverse("events:webhook_list")).status_code == 403
    assert client.get(detail(endpoint)).status_code == 403
    for name in ("test", "rotate", "replay", "remove"):
        assert client.post(detail(endpoint, name)).status_code == 403
    assert WebhookEndpoint.objects.count() == 1


def test_trap_says_nothing_and_needs_no_sign_in(client: Client) -> None:
    AdminFactory.create()
    response = client.get(reverse("events:trap"))
    assert (response.status_code, response["X-Robots-Tag"]) == (200, "noindex, nofollow")
