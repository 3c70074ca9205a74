"""Dead letters are for administrators, and can be tried again."""

import pytest
from django.test import Client
from django.urls import reverse

from events.models import DeadLetter
from events.services import retention
from tests.factories.accounts import AdminFactory, UserFactory
from tests.factories.events import inbound, make_person, make_run, payload

pytestmark = pytest.mark.django_db


def test_only_administrators_see_them(client: Client) -> None:
    client.force_login(UserFactory.create(role="marketer"))
    assert client.get(reverse("events:dead_letters")).status_code == 403
    letter = DeadLetter.objects.create(reason="x", body=b"x")
    assert client.post(reverse("events:replay_dead_letter", args=[letter.pk])).status_code == 403


def test_reason_and_replay(client: Client) -> None:
    client.force_login(AdminFactory.create())
    run, person = make_run(), make_person()
    letter = DeadLetter.objects.create(
        reason="the sky fell", body=inbound(payload("Delivery", run, person)).body
    )
    assert "The sky fell" in client.get(reverse("events:dead_letters")).content.decode()
    address = reverse("events:replay_dead_letter", args=[letter.pk])
    assert client.get(address).status_code == 405
    assert "was taken in" in client.post(address, follow=True).content.decode()
    letter.refresh_from_db()
    assert letter.replayed_at is not None


def test_pages(client: Client) -> None:
    client.force_login(AdminFactory.create())
    DeadLetter.objects.bulk_create(DeadLetter(reason=f"reason {n}", body=b"x") for n in range(60))
    text = client.get(reverse("events:dead_letters")).content.decode()
    assert "Reason 59" in text
    assert "Reason 9<" not in text
    older = text.split("?before=")[1].split('"')[0]
    assert "Reason 9<" in client.get(reverse("events:dead_letters"), {"before": older}).content.decode()


def test_how_events_come_in_is_shown(client: Client) -> None:
    client.force_login(AdminFactory.create())
    page = client.get(reverse("events:dead_letters")).content.decode()
    assert "How events come in" in page
    assert "Not yet" in page
    assert "Nothing to measure" in page


@pytest.mark.parametrize(("text", "kept"), [("6", 6), ("2", 24), ("", 24), ("x", 24), ("9999999", 24)])
def test_how_long_events_stay_is_set_within_its_range(client: Client, text: str, kept: int) -> None:
    client.force_login(AdminFactory.create())
    answer = client.post(reverse("events:dead_letters"), {"months": text}, follow=True)
    assert ("kept for 6 months" if kept == 6 else "3 to 120 months") in answer.content.decode()
    assert retention.months() == kept
