import pytest
from django.test import Client

from subscribers.models import PersonMerge, Subscriber
from tests.factories.accounts import AdminFactory, MarketerFactory
from tests.factories.subscribers import mailing_list, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(AdminFactory.create())
    return client


def url(who: Subscriber) -> str:
    return f"/subscribers/{who.public_id}/merge/"


def test_only_an_administrator_merges(client: Client) -> None:
    client.force_login(MarketerFactory.create())
    keep, other = person(), person()
    assert client.get(url(keep)).status_code == 403
    assert client.post(url(keep), {"other": str(other.public_id)}).status_code == 403
    assert not PersonMerge.objects.exists()


def test_the_other_is_searched_shown_and_confirmed(admin: Client) -> None:
    news = mailing_list("News")
    keep, other = person("ann@example.com", name="Ann"), person("ann.lee@example.com", list_ids=[news.pk])
    assert "Who is the other one?" in admin.get(url(keep)).content.decode()
    found = admin.get(url(keep), {"q": "ann"}).content.decode()
    assert found.count("row-link") == 1
    shown = admin.get(url(keep), {"other": str(other.public_id)}).content.decode()
    assert "joins this list" in shown
    assert Subscriber.objects.filter(pk=other.pk).exists()
    answer = admin.post(url(keep), {"other": str(other.public_id)}, follow=True)
    assert "Merged. ann@example.com is the one who stays." in answer.content.decode()
    assert not Subscriber.objects.filter(pk=other.pk).exists()
    old = admin.get(f"/subscribers/{other.public_id}/", follow=True)
    assert old.redirect_chain[-1][0] == f"/subscribers/{keep.public_id}/"
    assert admin.get(url(other)).status_code == 302


@pytest.mark.parametrize("other", ["nonsense", "00000000-0000-0000-0000-000000000000", "\0"])
def test_nonsense_is_answered_with_words(admin: Client, other: str) -> None:
    keep = person()
    page = admin.get(url(keep), {"other": other}, follow=True).content.decode()
    assert "erased, or merged, or never existed" in page


def test_a_time_zone_is_set_by_hand_and_one_that_does_not_exist_is_refused(admin: Client) -> None:
    who = person()
    page = admin.post(f"/subscribers/{who.public_id}/edit/", {"time_zone": "Mars/Base"})
    assert (page.status_code, "no time zone of this name" in page.content.decode()) == (422, True)
    admin.post(f"/subscribers/{who.public_id}/edit/", {"time_zone": "America/New York"})
    who.refresh_from_db()
    assert who.time_zone == "America/New_York"


def test_with_oneself(admin: Client) -> None:
    keep = person()
    page = admin.post(url(keep), {"other": str(keep.public_id)}, follow=True).content.decode()
    assert "This is the same person" in page
