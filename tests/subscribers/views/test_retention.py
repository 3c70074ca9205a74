"""The page of retention: rules, a look before anything goes, runs."""

from typing import Any

import pytest
from django.test import Client

from subscribers.models import RetentionRule, Subscriber
from subscribers.services import retention
from tests.factories.accounts import AdminFactory, UserFactory

pytestmark = pytest.mark.django_db
URL = "/settings/retention/"


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(AdminFactory.create())
    return client


def test_only_administrators_see_it(client: Client) -> None:
    client.force_login(UserFactory.create())
    assert client.get(URL).status_code == 403


def test_the_page_shows_rules_and_runs_in_few_queries(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    assert "No run yet" in admin.get(URL).content.decode()
    retention.run_due()
    with django_assert_max_num_queries(10):
        page = admin.get(URL).content.decode()
    for words in ("Inactive people", "Single events", "Audit log", "Pending sign-ups", "Done"):
        assert words in page


def test_a_look_says_whom_and_changes_nothing(admin: Client) -> None:
    page = admin.get(URL, {"look": "inactive", "months": "36"}).content.decode()
    assert "Inactive people, 36 months: 0 would be touched" in page
    assert "nothing of them is measured" in page
    assert not RetentionRule.objects.exists()
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize(
    ("look", "months"), [("inactive", "x"), ("inactive", ""), ("nothing", "12"), ("audit", "1")]
)
def test_a_broken_look_is_said_in_words(admin: Client, look: str, months: str) -> None:
    answer = admin.get(URL, {"look": look, "months": months})
    assert answer.status_code == 422


def test_a_rule_is_saved_or_refused_in_words(admin: Client) -> None:
    admin.post(URL, {"key": "inactive", "months": "36"})
    assert RetentionRule.objects.get(key="inactive").months == 36
    assert "6 to 240" in admin.post(URL, {"key": "inactive", "months": "2"}, follow=True).content.decode()
    admin.post(URL, {"key": "inactive", "months": ""})
    assert RetentionRule.objects.get(key="inactive").months is None
    assert "cannot be kept" in admin.post(URL, {"key": "events", "months": ""}, follow=True).content.decode()
