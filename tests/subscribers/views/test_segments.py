import itertools
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from mailplatform.core import clock
from subscribers.models import OrderCurrency, Profile, Segment, Subscriber
from subscribers.segments.catalogue import Kind, Subject
from subscribers.segments.oracle import matches
from subscribers.segments.rules import parse_rules
from subscribers.selectors import catalogue
from subscribers.selectors import segments as selector
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


def posted(*rules: tuple[str, str, str, str], **extra: Any) -> dict[str, Any]:
    """The builder's form: rules as (group, subject, operator, value)."""
    data: dict[str, Any] = {"match": "all", "rows": str(len(rules)), "name": "Built"}
    for number, values in enumerate(rules):
        names = ("group", "subject", "operator", "value")
        data |= {f"{name}_{number}": value for name, value in zip(names, values, strict=True)}
    return data | extra


def remember(who: Subscriber, **facts: Any) -> None:
    Profile.objects.filter(pk=who.pk).update(**facts)


def test_ux_27_segment_builder_in_sentences_with_live_count(marketer: Client) -> None:
    """City is Berlin AND (opened in the last 30 days OR joined in the last 7): the count is the oracle's."""
    now = clock.now()
    long_ago, lately = now - timedelta(days=400), now - timedelta(days=20)
    for number, (city, joined, opened, agreed) in enumerate(
        itertools.product(("Berlin", "Rome"), (now, long_ago), (lately, long_ago, None), (True, False))
    ):
        who = person(f"p{number}@example.com", values={"city": city})
        remember(who, joined_at=joined, last_opened_at=opened, opens_allowed=agreed)
    remember(Subscriber.objects.get(email="ann@example.com"), joined_at=long_ago)
    data = posted(
        ("", "field.city", "equals", "Berlin"),
        ("0", "opened", "in_last_days", "30"),
        ("0", "joined", "in_last_days", "7"),
        groups="1",
        match_0="any",
    )
    page = marketer.post("/segments/add/", data, headers=HTMX).content.decode()
    # Joined now: six of Berlin. Else opened lately, and agreed: one. Not known: no consent, not joined lately.
    assert "7 people" in page
    assert "Engagement unknown: 4 more people" in page
    assert marketer.post("/segments/add/", data | {"action": "save"}).status_code == 302
    segment = Segment.objects.get()
    known = catalogue.current()
    rules = parse_rules(segment.rules, known)
    facts = {
        each.pk: {
            "field.city": each.fields["city"],
            "joined": profile.joined_at,
            "opened": (profile.opens_allowed, profile.last_opened_at),
        }
        for each in Subscriber.objects.all()
        for profile in [Profile.objects.get(pk=each.pk)]
    }
    assert sum(matches(rules, each, now=clock.now()) for each in facts.values()) == 7
    words = marketer.get("/segments/").content.decode()
    for sentence in (
        "City is Berlin",
        "any of:",
        "— Opened a mail in the last 30 days",
        "— Joined is in the last 7 days",
    ):
        assert sentence in words


def test_ux_27_an_empty_rule_cannot_be_saved(marketer: Client) -> None:
    whole = ("", "field.city", "equals", "Berlin")
    for data in (
        posted(("", "", "", "")),
        posted(whole, ("", "", "", "")),
        posted(whole, ("0", "", "", ""), groups="1", match_0="any"),
        posted(whole, ("", "opened", "in_last_days", "")),
    ):
        response = marketer.post("/segments/add/", data | {"action": "save"})
        assert response.status_code == 422
        assert "The segment was not saved" in response.content.decode()
    assert not Segment.objects.exists()


@pytest.fixture
def slow_subject() -> Iterator[None]:
    """Something to ask for that takes longer than the page waits at first."""
    sleep = f"(SELECT pg_sleep({(selector.QUICK_MS + 300) / 1000}) IS NOT NULL) AND %s::int = 1"
    slow = Subject("slow", "Slow", Kind.REACTION, choices=(("1", "One"),), reactions={"got": sleep})
    catalogue.register(provide := lambda: [slow])
    yield
    catalogue._providers.remove(provide)


def test_ux_27_a_slow_count_is_cancelled_and_shows_counting(marketer: Client, slow_subject: None) -> None:
    data = posted(("", "slow", "got", "1"))
    page = marketer.post("/segments/add/", data, headers=HTMX).content.decode()
    assert "counting…" in page
    assert 'hx-trigger="load"' in page
    later = {"HX-Request": "true", "HX-Target": "segment-count"}
    number = marketer.post("/segments/add/", data | {"action": "count"}, headers=later).content.decode()
    assert "2 people" in number
    assert "counting" not in number
    assert (
        selector.total(
            {"match": "all", "rules": [{"subject": "slow", "operator": "got", "value": 1}]}, timeout_ms=50
        )
        is None
    )


def test_groups_are_added_filled_and_removed_without_script(marketer: Client) -> None:
    page = marketer.post("/segments/add/", berlin(action="add-group")).content.decode()
    assert 'name="match_0"' in page
    assert 'name="group_1" value="0"' in page
    inside = posted(
        ("", "field.city", "equals", "Berlin"),
        ("0", "joined", "in_last_days", "7"),
        groups="1",
        match_0="none",
    )
    page = marketer.post("/segments/add/", inside | {"action": "add-in-0"}).content.decode()
    assert 'name="group_2" value="0"' in page
    page = marketer.post("/segments/add/", inside | {"action": "remove-group-0"}).content.decode()
    assert 'name="match_0"' not in page
    assert 'name="subject_1"' not in page
    page = marketer.post("/segments/add/", inside | {"action": "remove-1"}).content.decode()
    assert 'name="match_0"' not in page


@pytest.mark.parametrize(
    "broken",
    [
        {"rows": "²"},
        {"rows": "-1"},
        {"rows": "9" * 30},
        {"groups": "x"},
        {"group_0": "77"},
        {"match": "some"},
    ],
)
def test_a_broken_form_is_no_error_page(marketer: Client, broken: dict[str, str]) -> None:
    assert marketer.post("/segments/add/", berlin() | broken).status_code == 200


def test_a_rule_of_a_deleted_field_says_so_and_is_never_dropped_in_silence(marketer: Client) -> None:
    city = {"subject": "field.city", "operator": "equals", "value": "Berlin"}
    gone = {"subject": "field.gone", "operator": "equals", "value": "x"}
    segment = Segment.objects.create(name="Lost", rules={"match": "all", "rules": [city, gone]})
    page = marketer.get(f"/segments/{segment.public_id}/").content.decode()
    assert "No longer exists: field.gone" in page
    kept = posted(("", "field.city", "equals", "Berlin"), ("", "field.gone", "equals", "x"), action="save")
    response = marketer.post(f"/segments/{segment.public_id}/", kept)
    assert response.status_code == 422
    assert "There is no field “field.gone” any more" in response.content.decode()
    segment.refresh_from_db()
    assert len(segment.rules["rules"]) == 2


def test_a_segment_of_a_lost_field_can_still_be_opened(marketer: Client) -> None:
    rules = {"match": "all", "rules": [{"subject": "field.gone", "operator": "equals", "value": "x"}]}
    segment = Segment.objects.create(name="Lost", rules=rules)
    assert "no longer exists" in marketer.get("/segments/").content.decode()
    assert "needs mending" in marketer.get(f"/segments/{segment.public_id}/count/").content.decode()
    assert marketer.get(f"/segments/{segment.public_id}/").status_code == 200


def test_nested_segments_are_shown_in_words_and_kept(marketer: Client) -> None:
    city = {"subject": "field.city", "operator": "equals", "value": "Berlin"}
    inner = {"match": "any", "rules": [{"match": "none", "rules": [city]}]}
    segment = Segment.objects.create(name="Nested", rules={"match": "all", "rules": [inner]})
    assert "any of:" in marketer.get(f"/segments/{segment.public_id}/").content.decode()
    marketer.post(f"/segments/{segment.public_id}/", {"name": "Renamed", "complex": "1", "action": "save"})
    segment.refresh_from_db()
    assert (segment.name, segment.rules["rules"]) == ("Renamed", [inner])


def test_a_sum_of_a_time_is_a_sentence_and_stays_one(marketer: Client) -> None:
    OrderCurrency.objects.create(code="EUR")
    rule = {"subject_0": "spent.EUR", "operator_0": "at_least", "value_0": "99.95", "within_0": "90"}
    page = marketer.post("/segments/add/", berlin(**rule), headers=HTMX).content.decode()
    assert 'name="within_0" type="number" min="1" step="1" value="90"' in page
    assert "0 people" in page
    assert marketer.post("/segments/add/", berlin(**rule, action="save")).status_code == 302
    assert Segment.objects.get().rules["rules"] == [
        {"subject": "spent.EUR", "operator": "at_least", "value": "99.95", "within": "90"}
    ]
    assert "Spent in EUR is at least 99.95 in the last 90 days" in marketer.get("/segments/").content.decode()
    page = marketer.get(f"/segments/{Segment.objects.get().public_id}/").content.decode()
    assert 'value="90" placeholder="all time"' in page
    # A field without a time forgets it.
    page = marketer.post("/segments/add/", berlin(within_0="90"), headers=HTMX).content.decode()
    assert "within_0" not in page
    bad = marketer.post("/segments/add/", berlin(**{**rule, "within_0": "soon"}, action="save"))
    assert bad.status_code == 422
    assert "fill in a number" in bad.content.decode()
