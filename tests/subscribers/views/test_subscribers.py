from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from subscribers.models import ConsentRecord, Profile, Subscriber, Subscription, Suppression
from subscribers.services.fields import ensure_field
from tests.factories.accounts import AdminFactory, UserFactory, ViewerFactory
from tests.factories.subscribers import mailing_list, person

pytestmark = pytest.mark.django_db
EVIDENCE = {
    "basis": "consent",
    "source": "paper form",
    "occurred_on": "2025-02-01",
    "wording": "Yes, send me news.",
}


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(UserFactory.create())
    return client


@pytest.fixture
def viewer(client: Client) -> Client:
    client.force_login(ViewerFactory.create())
    return client


def test_strangers_are_sent_to_sign_in(client: Client) -> None:
    for path in ("/subscribers/", "/subscribers/add/", "/lists/", "/segments/", "/imports/", "/imports/add/"):
        assert client.get(path).status_code == 302


def test_an_empty_installation_teaches(marketer: Client) -> None:
    assert "Nobody here yet" in marketer.get("/subscribers/").content.decode()


def test_people_are_listed_with_few_queries(
    marketer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    news = mailing_list("News")
    for number in range(12):
        person(list_ids=[news.pk], tags=[f"t{number}"])
    marketer.get("/subscribers/")
    with django_assert_max_num_queries(8):
        page = marketer.get("/subscribers/").content.decode()
    assert page.count("row-link") == 12


@pytest.mark.parametrize(
    ("query", "found"),
    [("q=ann", ["ann@example.com"]), ("q=LEE", ["ann@example.com"]), ("q=example.org", ["bob@example.org"]),
     ("q=%25", []), ("q=zzz", []), ("state=mailable", ["ann@example.com"]), ("state=no_basis", ["bob@example.org"]),
     ("state=nonsense", ["ann@example.com", "bob@example.org"]),
     ("list=999", []), ("tag=x", ["ann@example.com", "bob@example.org"]),
     ("after=broken", ["ann@example.com", "bob@example.org"])],
)  # fmt: skip
def test_search_and_filters_stand_in_the_address(marketer: Client, query: str, found: list[str]) -> None:
    person("ann@example.com", name="Ann Lee")
    person("bob@example.org", agreed=False)
    page = marketer.get(f"/subscribers/?{query}").content.decode()
    assert [address for address in ("ann@example.com", "bob@example.org") if address in page] == found


def test_the_search_fragment_is_the_table_alone(marketer: Client) -> None:
    person("ann@example.com")
    page = marketer.get(
        "/subscribers/?q=ann", headers={"HX-Request": "true", "HX-Target": "people"}
    ).content.decode()
    assert page.strip().startswith('<div class="card" id="people"')
    assert "<html" not in page


def test_pages_follow_each_other_without_gap_or_repeat(marketer: Client) -> None:
    from subscribers.selectors.subscribers import Filters, find

    made = [person().pk for _ in range(7)]
    seen, after = list[int](), ""
    while True:
        page = find(Filters(after=after), size=3)
        seen += [row.id for row in page.rows]
        after = page.next_after
        if not after:
            break
    assert seen == made[::-1]


def test_one_person_with_history(
    viewer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    ensure_field(key="likes", label="Likes", field_type="list")
    ann = person(
        "ann@example.com",
        name="Ann",
        list_ids=[mailing_list("News").pk],
        values={"likes": "books; home"},
        opens=True,
    )
    Suppression.objects.create(email_key=bytes(ann.email_key), reason="bounce", detail="no such mailbox")
    viewer.get(f"/subscribers/{ann.public_id}/")
    with django_assert_max_num_queries(17):
        page = viewer.get(f"/subscribers/{ann.public_id}/").content.decode()
    for words in (
        "Marketing e-mail: granted",
        "Yes, send me news.",
        "Joined News",
        "no such mailbox",
        "books",
    ):
        assert words in page
    assert "Edit" not in page


def test_nobody_of_that_number(viewer: Client) -> None:
    assert viewer.get("/subscribers/00000000-0000-4000-8000-000000000000/").status_code == 404


def test_adding_a_person_records_the_evidence(marketer: Client) -> None:
    response = marketer.post("/subscribers/add/", {"email": "Ann@Example.com", "name": "Ann", **EVIDENCE})
    ann = Subscriber.objects.get()
    assert response.headers["Location"] == f"/subscribers/{ann.public_id}/"
    assert ConsentRecord.objects.get().source == "paper form"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"email": "nonsense"}, "@-sign"),
        ({"wording": ""}, "exact words"),
        ({"source": ""}, "where the people agreed"),
        ({"occurred_on": "2999-01-01"}, "future"),
        ({"language": "klingonese language"}, "language code"),
    ],
)
def test_what_is_wrong_with_a_person_is_said(marketer: Client, change: dict[str, Any], words: str) -> None:
    response = marketer.post("/subscribers/add/", {"email": "ann@example.com", **EVIDENCE, **change})
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not Subscriber.objects.exists()


def test_somebody_known_is_shown_instead_of_added(marketer: Client) -> None:
    ann = person("ann@example.com")
    response = marketer.post("/subscribers/add/", {"email": "ANN@example.com", **EVIDENCE})
    assert response.headers["Location"] == f"/subscribers/{ann.public_id}/"


def test_editing(marketer: Client) -> None:
    ensure_field(key="vip", label="VIP", field_type="boolean")
    ann, news = person(name="Ann", tags=["old"]), mailing_list()
    page = marketer.get(f"/subscribers/{ann.public_id}/edit/").content.decode()
    assert 'value="Ann"' in page
    data = {"name": "Ann Lee", "tags": "new, vip", "lists": [news.pk], "field_vip": "yes"}
    assert marketer.post(f"/subscribers/{ann.public_id}/edit/", data).status_code == 302
    ann.refresh_from_db()
    assert (ann.name, ann.fields) == ("Ann Lee", {"vip": True})
    assert Profile.objects.get(pk=ann.pk).list_ids == [news.pk]


def test_recording_a_basis_later(marketer: Client) -> None:
    ann = person(agreed=False)
    assert "Record the evidence" in marketer.get(f"/subscribers/{ann.public_id}/").content.decode()
    marketer.post(f"/subscribers/{ann.public_id}/basis/", EVIDENCE)
    assert Profile.objects.get(pk=ann.pk).marketing_basis == "consent"
    marketer.post(f"/subscribers/{ann.public_id}/basis/", {"basis": "consent"})
    assert ConsentRecord.objects.count() == 1


def test_an_unsubscription_by_phone_names_who_entered_it(marketer: Client) -> None:
    ann = person(list_ids=[mailing_list().pk])
    assert marketer.get(f"/subscribers/{ann.public_id}/unsubscribe/").status_code == 405
    marketer.post(f"/subscribers/{ann.public_id}/unsubscribe/")
    user = marketer.session["_auth_user_id"]
    said = ConsentRecord.objects.filter(act__in=["withdrawn", "objected"]).values_list("actor", flat=True)
    assert set(said) == {f"user:{user}"}
    assert Subscription.objects.get().state == "unsubscribed"
    assert Profile.objects.get(pk=ann.pk).marketing_basis == "withdrawn"


def test_only_administrators_erase(client: Client) -> None:
    ann = person()
    client.force_login(UserFactory.create())
    assert client.post(f"/subscribers/{ann.public_id}/erase/").status_code == 403
    client.force_login(AdminFactory.create())
    answer = client.post(f"/subscribers/{ann.public_id}/erase/", follow=True)
    # It ends at the decided case, which says what was not reached.
    assert "Backups made before today" in answer.content.decode()
    assert client.post(f"/subscribers/{ann.public_id}/erase/").status_code == 404
    assert not Subscriber.objects.exists()


def test_viewers_change_nothing(viewer: Client) -> None:
    ann = person()
    paths = ["/subscribers/add/", "/lists/add/", "/segments/add/", "/imports/add/"]
    paths += [f"/subscribers/{ann.public_id}/{verb}/" for verb in ("edit", "basis", "unsubscribe", "erase")]
    assert {viewer.post(path).status_code for path in paths} == {403}
