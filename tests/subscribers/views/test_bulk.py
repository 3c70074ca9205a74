import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from subscribers.models import BulkJob, Profile, Segment, Tag
from subscribers.views.bulk import as_pieces
from tests.factories.accounts import UserFactory, ViewerFactory
from tests.factories.subscribers import mailing_list, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(UserFactory.create())
    return client


def test_ux_25_contacts_instant_search_filters_in_url_bulk_tag(
    marketer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """A shared address shows the same rows; what is found there is tagged, with the count to confirm."""
    news = mailing_list("News")
    for number in range(3):
        person(f"ann{number}@example.com", list_ids=[news.pk])
    person("bob@example.com", list_ids=[news.pk])
    person("ann9@example.com")
    address = f"/subscribers/?q=ann&list={news.pk}"
    marketer.get("/subscribers/")
    with django_assert_max_num_queries(11):
        page = marketer.get(address).content.decode()
    fragment = marketer.get(address, headers={"HX-Request": "true", "HX-Target": "people"}).content.decode()
    for shown in (page, fragment):
        found = [each for each in ("ann0", "ann1", "ann2", "bob", "ann9") if f"{each}@example.com" in shown]
        assert found == ["ann0", "ann1", "ann2"]
    posted = {"query": f"q=ann&list={news.pk}", "scope": "all", "action": "tag"}
    confirm = marketer.post("/subscribers/bulk/", posted).content.decode()
    assert "Add a tag to 3 people" in confirm
    assert not Tag.objects.exists()
    answer = marketer.post("/subscribers/bulk/", posted | {"confirmed": "3", "name": "vip"}, follow=True)
    assert "Done" in answer.content.decode()
    tag = Tag.objects.get(name="vip")
    assert Profile.objects.filter(tag_ids=[tag.pk]).count() == 3
    tagged = marketer.get(f"/subscribers/?tag={tag.pk}").content.decode()
    assert "ann0@example.com" in tagged
    assert "bob@example.com" not in tagged


def test_ux_25_a_contacts_timeline_tells_consent_lists_changes_and_by_whom(client: Client) -> None:
    """What was sent and what happened then is a part of its own, filled when the page is open."""
    user = UserFactory.create()
    client.force_login(user)
    news = mailing_list("News")
    ann = person("ann@example.com", list_ids=[news.pk])
    client.post(f"/subscribers/{ann.public_id}/edit/", {"name": "Ann", "language": "de", "lists": [news.pk]})
    client.post(f"/subscribers/{ann.public_id}/unsubscribe/")
    text = client.get(f"/subscribers/{ann.public_id}/").content.decode()
    for words in ("Marketing e-mail: granted", "Yes, send me news.", "Joined News", "Left News"):
        assert words in text
    assert f"by {user.email}" in text
    assert "Data, lists or tags changed" in text
    sent = client.get(f"/subscribers/{ann.public_id}/timeline/")
    assert f'hx-get="{sent.request["PATH_INFO"]}"' in text
    assert sent.status_code == 200


def test_the_ticked_are_meant_and_nobody_else(marketer: Client) -> None:
    ann, bob = person("ann@example.com"), person("bob@example.com")
    posted = {"scope": "ticked", "person": [str(ann.public_id), "nonsense"], "action": "block", "query": ""}
    assert "Block 1 person" in marketer.post("/subscribers/bulk/", posted).content.decode()
    refused = marketer.post("/subscribers/bulk/", posted | {"confirmed": "1", "reason": " "})
    assert refused.status_code == 422
    marketer.post("/subscribers/bulk/", posted | {"confirmed": "1", "reason": "asked by phone"})
    blocked = marketer.get("/subscribers/?state=blocked").content.decode()
    assert "ann@example.com" in blocked
    assert bob.email not in blocked


@pytest.mark.parametrize(
    "posted",
    [{"action": "tag", "scope": "ticked"}, {"action": "burn", "scope": "all"}, {},
     {"action": "tag", "scope": "all", "query": "q=zzz"}],
)  # fmt: skip
def test_without_people_or_act_nothing_happens(marketer: Client, posted: dict[str, str]) -> None:
    person()
    answer = marketer.post("/subscribers/bulk/", posted, follow=True)
    assert "Tick some people" in answer.content.decode()
    assert not BulkJob.objects.exists()


def test_people_are_exported_by_segment_and_filter(marketer: Client) -> None:
    person("ann@example.com", name="+Ann")
    person("bob@example.com")
    rules = {"match": "all", "rules": [{"subject": "email", "operator": "starts_with", "value": "ann"}]}
    segment = Segment.objects.create(name="Anns", rules=rules)
    page = marketer.get(f"/subscribers/?segment={segment.pk}").content.decode()
    assert "ann@example.com" in page
    assert "bob@example.com" not in page
    answer = marketer.post("/subscribers/export/", {"scope": "all", "query": f"segment={segment.pk}"})
    text = b"".join(answer.streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    assert text.startswith("email,name,")
    assert "ann@example.com,'+Ann," in text
    assert "bob@example.com" not in text
    segment.rules["rules"][0]["subject"] = "field.gone"
    segment.save()
    page = marketer.get(f"/subscribers/?segment={segment.pk}").content.decode()
    assert "This segment cannot be used" in page
    assert "Nobody found" in page


def test_who_only_looks_neither_acts_nor_exports(client: Client) -> None:
    client.force_login(ViewerFactory.create())
    person("ann@example.com")
    assert "Export CSV" not in client.get("/subscribers/").content.decode()
    assert client.post("/subscribers/bulk/", {"action": "tag", "scope": "all"}).status_code == 403
    assert client.post("/subscribers/export/", {"scope": "all"}).status_code == 403


def test_a_job_that_runs_says_so_and_looks_again(marketer: Client) -> None:
    job = BulkJob.objects.create(action="tag", found=9, left_out={"Unsubscribed": 2}, target={"name": "vip"})
    page = marketer.get(f"/subscribers/bulk/{job.public_id}/").content.decode()
    assert "At work…" in page
    assert "every 2s" in page
    assert "Unsubscribed" in page
    assert marketer.get("/subscribers/bulk/00000000-0000-4000-8000-000000000000/").status_code == 404


def test_under_asgi_the_export_goes_out_piece_by_piece() -> None:
    async def collect() -> list[bytes]:
        return [piece async for piece in as_pieces(iter([b"a", b"b"]))]

    assert async_to_sync(collect)() == [b"a", b"b"]
