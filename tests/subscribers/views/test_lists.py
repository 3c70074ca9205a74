import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from subscribers.models import MailingList, Subscription
from tests.factories.accounts import UserFactory, ViewerFactory
from tests.factories.subscribers import mailing_list, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(UserFactory.create())
    return client


def test_lists_with_their_counts(
    marketer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    assert "No list yet" in marketer.get("/lists/").content.decode()
    news = mailing_list("News")
    people = [person(list_ids=[news.pk]) for _ in range(3)]
    Subscription.objects.filter(subscriber=people[0]).update(state="unsubscribed")
    with django_assert_max_num_queries(8):
        page = marketer.get("/lists/").content.decode()
    assert '<td class="num">2</td><td class="num">0</td><td class="num">1</td>' in page


def test_making_changing_and_archiving_a_list(marketer: Client) -> None:
    marketer.post("/lists/add/", {"name": " News ", "opt_in": "double", "is_public": "on"})
    news = MailingList.objects.get()
    assert (news.name, news.opt_in, news.is_public) == ("News", "double", True)
    marketer.post(f"/lists/{news.public_id}/", {"name": "Offers", "opt_in": "single"})
    news.refresh_from_db()
    assert (news.name, news.opt_in, news.is_public) == ("Offers", "single", False)
    marketer.post(f"/lists/{news.public_id}/archive/")
    assert marketer.get(f"/lists/{news.public_id}/").status_code == 404
    assert MailingList.objects.count() == 1


def test_a_name_is_given_once(marketer: Client) -> None:
    mailing_list("News")
    response = marketer.post("/lists/add/", {"name": "News", "opt_in": "double"})
    assert response.status_code == 422
    assert "already is a list" in response.content.decode()


def test_viewers_look_only(client: Client) -> None:
    news = mailing_list("News")
    client.force_login(ViewerFactory.create())
    assert "Settings" not in client.get(f"/lists/{news.public_id}/").content.decode().split("<main")[1]
    client.post(f"/lists/{news.public_id}/", {"name": "Changed", "opt_in": "single"})
    news.refresh_from_db()
    assert news.name == "News"
