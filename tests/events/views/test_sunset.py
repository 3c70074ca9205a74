"""The page of the sunset policy: changed by administrators, and it says whom it leaves out."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from events.models import Sunset, SunsetStage
from events.services import policies
from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from subscribers.models import Segment, Suppression
from subscribers.services import suppression
from tests.factories.accounts import AdminFactory, MarketerFactory, sign_in
from tests.factories.events import make_person

pytestmark = pytest.mark.django_db
PAGE = "events:deliverability_sunset"
GOOD = {"sunset_is_on": "on", "sunset_months": "9", "sunset_mails": "8", "sunset_answer_days": "21"}


@pytest.fixture
def admin(client: Client) -> Client:
    sign_in(client, AdminFactory.create())
    return client


def test_saving_makes_the_segment_and_the_page_names_it(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    assert admin.post(reverse(PAGE), GOOD).status_code == 302
    row = policies.get()
    assert (row.sunset_is_on, row.sunset_months, row.sunset_stops) == (True, 9, False)
    with django_assert_max_num_queries(15):
        text = admin.get(reverse(PAGE)).content.decode()
    assert Segment.objects.get().name in text
    assert "did not agree that their opens or clicks are counted" in text
    assert AuditEntry.objects.filter(action="policy.changed").exists()


@pytest.mark.parametrize(
    "change", [{"sunset_months": "2"}, {"sunset_mails": "x"}, {"sunset_answer_days": "366"}]
)
def test_numbers_out_of_range_are_refused(admin: Client, change: dict[str, str]) -> None:
    assert admin.post(reverse(PAGE), {**GOOD, **change}).status_code == 422
    assert not policies.get().sunset_is_on


def test_marketers_look(client: Client) -> None:
    client.force_login(MarketerFactory.create())
    assert "after 12 months and 10 mails" in client.get(reverse(PAGE)).content.decode()
    assert client.post(reverse(PAGE), GOOD).status_code == 403


def test_all_are_released_with_a_reason(admin: Client) -> None:
    person = make_person(opens=True)
    suppression.suppress(email_key=bytes(person.email_key), reason="inactive", source="sunset_policy")
    Sunset.objects.create(
        subscriber_id=person.pk, stage=SunsetStage.KEPT_BACK, mails=9, judged_at=clock.now()
    )
    assert "Release 1" in admin.get(reverse(PAGE)).content.decode()
    assert admin.post(reverse(PAGE), {"action": "release", "because": ""}).status_code == 422
    response = admin.post(reverse(PAGE), {"action": "release", "because": "A mistake"}, follow=True)
    assert "1 person gets marketing mail again." in response.content.decode()
    assert Suppression.objects.get().lifted_because == "A mistake"


def test_releasing_asks_for_the_password_again(client: Client) -> None:
    client.force_login(AdminFactory.create())
    response = client.post(reverse(PAGE), {"action": "release", "because": "x"})
    assert response.status_code == 302
    assert "reauthenticate" in response.headers["Location"]
