"""The page of a restored installation, its one button, and the words on a campaign's page."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Restore
from campaigns.services import restoring
from mailplatform.accounts.models import Installation
from mailplatform.core import clock
from tests.factories import campaigns as factories
from tests.factories.accounts import AdminFactory, sign_in
from tests.factories.sending import make_list, make_people, make_run

pytestmark = pytest.mark.django_db
T = dt.datetime(2026, 11, 22, 12, 4, tzinfo=dt.UTC)
PAGE = reverse("campaigns:restored")


@pytest.fixture(autouse=True)
def few_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sequences do not roll back: other tests find theirs where they expect them."""
    monkeypatch.setattr(restoring, "NUMBERS_LEFT_OUT", 10)


@pytest.fixture
def admin(client: Client, site: Installation) -> Client:
    client.force_login(AdminFactory.create())
    return client


def test_it_says_what_is_in_doubt_and_where(admin: Client) -> None:
    mailing_list = make_list()
    make_people(3, mailing_list)
    run = make_run(mailing_list)
    assert "never restored" in admin.get(PAGE).content.decode()
    restoring.lock(taken_at=T, lost_records=7)
    text = admin.get(PAGE).content.decode()
    assert "Sending is locked" in text
    assert "7 records that came after the backup" in text
    assert reverse("events:unresolved", args=[run.campaign.public_id]) in text
    assert PAGE in admin.get(reverse("events:dashboard")).content.decode()
    page = admin.get(reverse("campaigns:campaign_detail", args=[run.campaign.public_id])).content.decode()
    assert "Restored to 22 Nov 2026, 12:04 UTC. 3 people may have got it after that." in page
    assert 'id="progress-resume" disabled' in page


def test_unlocking_asks_who_one_is_and_happens_once(admin: Client) -> None:
    Restore.objects.create(taken_at=T)
    assert admin.post(PAGE).status_code == 302
    assert Restore.objects.get().unlocked_at is None
    admin = sign_in(Client(), AdminFactory.create())
    assert "Unlocked." in admin.post(PAGE, follow=True).content.decode()
    first = Restore.objects.get().unlocked_at
    assert first is not None
    admin.post(PAGE)
    assert Restore.objects.get().unlocked_at == first


def test_a_planned_campaign_says_that_it_waits(admin: Client) -> None:
    at = clock.now() + dt.timedelta(days=1)
    campaign = factories.make_campaign(state="scheduled", scheduled_at=at)
    restoring.lock(taken_at=T)
    text = admin.get(reverse("campaigns:campaign_detail", args=[campaign.public_id])).content.decode()
    assert "The database was restored to" in text
    assert "Waiting for you" in text
