import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from subscribers.models import CustomField, Segment, Tag
from subscribers.services.fields import ensure_field, ensure_tags
from tests.factories.accounts import UserFactory, ViewerFactory
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(UserFactory.create())
    return client


def test_fields_are_made_changed_and_deleted_with_what_uses_them(
    marketer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    posted = {"label": "Plan", "field_type": "choice", "choices": "free\npaid", "default": "free"}
    assert marketer.post("/fields/", posted | {"choices": ""}).status_code == 422
    assert marketer.post("/fields/", posted).status_code == 302
    assert "There already is a field" in marketer.post("/fields/", posted).content.decode()
    plan = CustomField.objects.get()
    rules = {"match": "all", "rules": [{"subject": "field.plan", "operator": "equals", "value": "paid"}]}
    Segment.objects.create(name="Payers", rules={"match": "any", "rules": [rules]})
    with django_assert_max_num_queries(8):
        page = marketer.get("/fields/").content.decode()
    assert "Payers" in page
    assert "Payers" in marketer.get(f"/fields/{plan.pk}/").content.decode()
    assert marketer.post(f"/fields/{plan.pk}/", {"label": "", "choices": "x"}).status_code == 422
    assert marketer.post(f"/fields/{plan.pk}/", {"label": "Tariff", "choices": "paid"}).status_code == 302
    done = marketer.post(f"/fields/{plan.pk}/delete/", follow=True).content.decode()
    assert "Delete a field: Tariff" in done
    assert marketer.get(f"/fields/{plan.pk}/").status_code == 404
    assert "No field yet" in marketer.get("/fields/").content.decode()


def test_tags_are_made_renamed_and_deleted_with_what_uses_them(
    marketer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    assert marketer.post("/tags/", {"name": "VIP"}).status_code == 302
    assert "There already is a tag" in marketer.post("/tags/", {"name": "VIP"}).content.decode()
    vip = Tag.objects.get()
    person(tags=["VIP"])
    rule = {"subject": "tag", "operator": "has_any", "value": [str(vip.pk)]}
    Segment.objects.create(name="Best", rules={"match": "all", "rules": [rule]})
    ensure_tags(names=["a", "b", "c", "d"])
    with django_assert_max_num_queries(8):
        page = marketer.get("/tags/").content.decode()
    assert "Best" in page
    assert "Best" in marketer.get(f"/tags/{vip.pk}/").content.decode()
    assert marketer.post(f"/tags/{vip.pk}/", {"name": "a"}).status_code == 422
    assert marketer.post(f"/tags/{vip.pk}/", {"name": "Friends"}).status_code == 302
    assert "Done" in marketer.post(f"/tags/{vip.pk}/delete/", follow=True).content.decode()
    assert marketer.get(f"/tags/{vip.pk}/").status_code == 404


def test_viewers_look_and_change_nothing(client: Client) -> None:
    client.force_login(ViewerFactory.create())
    field = ensure_field(key="city", label="City", field_type="text")
    assert "New field" not in client.get("/fields/").content.decode()
    client.post("/fields/", {"label": "X", "field_type": "text"})
    client.post("/tags/", {"name": "x"})
    assert client.post(f"/fields/{field.pk}/delete/").status_code == 403
    assert (CustomField.objects.count(), Tag.objects.count()) == (1, 0)
