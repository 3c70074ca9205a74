"""The button that compares with Amazon's list."""

from typing import Any

import pytest
from django.test import Client
from kombu.exceptions import OperationalError

from subscribers import periodic
from tests.factories.accounts import AdminFactory, UserFactory

pytestmark = pytest.mark.django_db
URL = "/blocked/sync/"


def test_only_an_administrator_may(client: Client) -> None:
    client.force_login(UserFactory.create())
    assert client.post(URL).status_code == 403
    assert "Compare with Amazon" not in client.get("/blocked/").content.decode()


def test_it_is_queued_for_who_asked(client: Client, monkeypatch: Any) -> None:
    admin = AdminFactory.create()
    client.force_login(admin)
    assert "Compare with Amazon" in client.get("/blocked/").content.decode()
    asked: list[int] = []
    monkeypatch.setattr(periodic.sync_suppressions, "delay", lambda *, user_id: asked.append(user_id))
    assert "Being compared" in client.post(URL, follow=True).content.decode()
    assert asked == [admin.pk]


def test_without_a_queue_nothing_starts_and_it_is_said(client: Client, monkeypatch: Any) -> None:
    def away(**_: Any) -> None:
        raise OperationalError

    client.force_login(AdminFactory.create())
    monkeypatch.setattr(periodic.sync_suppressions, "delay", away)
    assert "cannot be reached" in client.post(URL, follow=True).content.decode()


def test_an_amazon_that_does_not_answer_ends_the_task_quietly(settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    settings.AWS_ACCESS_KEY_ID = settings.AWS_SECRET_ACCESS_KEY = "x"
    periodic.sync_suppressions()
