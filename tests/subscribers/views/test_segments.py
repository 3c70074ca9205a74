from typing import Any

import pytest
from django.test import Client

from subscribers.models import Segment
from subscribers.services.fields import ensure_field
from tests.factories.accounts import UserFactory
from tests.factories.subscribers import mailing_list, person

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "segment-rows"}


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(UserFactory.create())
    ensure_field(key="city", label="City", field_type="text")
    ensure_field(key="plan", label="Plan", field_type="choice", choices=["free", "paid"])
    person("ann@example.com", values={"city": "Berlin"})
    person("bob@example.com", values={"city": "Paris"}, agreed=False)
    return client


def berlin(**extra: Any) -> dict[str, Any]:
    rule = {"subject_0": "field.city", "operator_0": "equals", "value_0": "Berlin"}
    return {"match": "all", "rows": "1", "name": "Berliners", **rule, **extra}


def test_the_count_follows_the_sentence(marketer: Client) -> None:
    page = marketer.post("/segments/add/", berlin(), headers=HTMX).content.decode()
    assert "1 person" in page
    assert "ann@example.com" in page
    assert "<html" not in page
    page = marketer.post("/segments/add/", berlin(operator_0="is_set"), headers=HTMX).content.decode()
    assert "2 people" in page
    assert "1 of them may get marketing mail" in page


def test_an_empty_rule_is_not_saved(marketer: Client) -> None:
    for data in ({"name": "Empty", "rows": "1"}, berlin(value_0=""), berlin(name="")):
        response = marketer.post("/segments/add/", {**data, "action": "save"})
        assert response.status_code == 422
    assert not Segment.objects.exists()


def test_saving_changing_and_archiving(marketer: Client) -> None:
    assert marketer.post("/segments/add/", berlin(action="save")).status_code == 302
    segment = Segment.objects.get()
    assert segment.rules == {
        "match": "all",
        "rules": [{"subject": "field.city", "operator": "equals", "value": "Berlin"}],
    }
    assert "City is Berlin" in marketer.get("/segments/").content.decode()
    assert marketer.get(f"/segments/{segment.public_id}/count/").content.decode().strip() == "1"
    marketer.post(f"/segments/{segment.public_id}/", berlin(action="save", value_0="Paris"))
    segment.refresh_from_db()
    assert segment.rules["rules"][0]["value"] == "Paris"
    marketer.post(f"/segments/{segment.public_id}/archive/")
    assert "No segment yet" in marketer.get("/segments/").content.decode()
    assert marketer.get(f"/segments/{segment.public_id}/").status_code == 404


def test_rows_are_added_and_removed_without_script(marketer: Client) -> None:
    page = marketer.post("/segments/add/", berlin(action="add")).content.decode()
    assert 'name="subject_1"' in page
    two = berlin(rows="2", subject_1="joined", operator_1="in_last_days", value_1="30", action="remove-0")
    page = marketer.post("/segments/add/", two).content.decode()
    assert 'name="subject_1"' not in page
    assert '<option value="joined" selected>' in page


def test_every_field_shows_the_right_input(marketer: Client) -> None:
    news = mailing_list("News")
    inputs = {
        "field.plan": '<option value="paid"',
        "list": f'<option value="{news.pk}"',
        "joined": 'type="date"',
        "consent.opens": "is given",
        "opened": 'aria-label="Days"',
    }
    for subject, words in inputs.items():
        page = marketer.post(
            "/segments/add/", {"rows": "1", "subject_0": subject}, headers=HTMX
        ).content.decode()
        assert words in page


def test_a_segment_of_a_lost_field_can_still_be_opened(marketer: Client) -> None:
    rules = {"match": "all", "rules": [{"subject": "field.gone", "operator": "equals", "value": "x"}]}
    segment = Segment.objects.create(name="Lost", rules=rules)
    assert "no longer exists" in marketer.get("/segments/").content.decode()
    assert "needs mending" in marketer.get(f"/segments/{segment.public_id}/count/").content.decode()
    assert marketer.get(f"/segments/{segment.public_id}/").status_code == 200


def test_nested_segments_are_shown_in_words_and_kept(marketer: Client) -> None:
    inner = {"match": "any", "rules": [{"subject": "field.city", "operator": "equals", "value": "Berlin"}]}
    segment = Segment.objects.create(name="Nested", rules={"match": "all", "rules": [inner]})
    assert "any of:" in marketer.get(f"/segments/{segment.public_id}/").content.decode()
    marketer.post(f"/segments/{segment.public_id}/", {"name": "Renamed", "complex": "1", "action": "save"})
    segment.refresh_from_db()
    assert (segment.name, segment.rules["rules"]) == ("Renamed", [inner])
