"""The compiled SQL chooses exactly the people that the oracle chooses."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailplatform.core.keys import email_key
from subscribers.models import (
    CustomField,
    MailingList,
    Order,
    OrderCurrency,
    OrderLine,
    Product,
    Profile,
    Subscriber,
    Tag,
)
from subscribers.segments.catalogue import DAYS, OPERATORS, SEVERAL, Catalogue, Kind, Subject
from subscribers.segments.compiler import compile_rules, select_ids
from subscribers.segments.oracle import matches
from subscribers.segments.rules import RuleError, parse_rules
from subscribers.selectors import catalogue
from subscribers.services import orders

NOW = datetime(2026, 6, 15, 12, tzinfo=ZoneInfo("Europe/Berlin"))
WORDS = [
    "Berlin",
    "berlin",
    "Paris",
    "100%",
    "a_b",
    "it's",
    'say "x"',
    "new",
    "Back\\slash",
    "'; DROP TABLE x; --",
]
FIELDS = {
    "city": ("text", "text_1"),
    "plain": ("text", ""),
    "segment": ("choice", "text_2"),
    "age": ("number", "number_1"),
    "score": ("number", ""),
    "born": ("date", "date_1"),
    "since": ("date", ""),
    "vip": ("boolean", ""),
    "likes": ("list", ""),
}
CURRENCIES = ("EUR", "SEK")
Facts = dict[str, Any]
# As another app registers it: what is known without consent, and what is not.
CAMPAIGN = Subject(
    "campaign",
    "Campaign: they",
    Kind.REACTION,
    choices=(("1", "One"), ("2", "Two")),
    reactions={
        "got": "p.opens >= %s::int",
        "opened": "p.opens_allowed AND p.opens >= %s::int",
    },
    known={"opened": "p.opens_allowed AND %s::int > 0"},
)


def the_catalogue() -> Catalogue:
    """What this app knows, and one subject of another app; the others' own tests know what those mean."""
    ours = (subject for subject in catalogue.current().subjects.values() if not subject.reactions)
    return Catalogue([*ours, CAMPAIGN])


def values(kind: str, rng: random.Random) -> Any:
    day = date(2026, 6, 15) - timedelta(days=rng.choice([0, 1, 5, 6, 7, 30, 31, 400]))
    return {
        "text": rng.choice(WORDS),
        "choice": rng.choice(WORDS[:3]),
        "number": rng.choice([0, 1, 1.5, -3, 40, 41]),
        "date": day.isoformat(),
        "boolean": rng.random() < 0.5,
        "list": rng.sample(WORDS, rng.randint(0, 3)),
    }[kind]


def moment(rng: random.Random) -> datetime:
    return datetime(2026, 6, 15, tzinfo=UTC) - timedelta(
        hours=rng.choice([0, 1, 2, 23, 24, 25, 24 * 7, 24 * 31])
    )


@pytest.fixture
def people(db: None) -> dict[int, Facts]:
    """Sixty people with random facts, and what the oracle knows of them."""
    rng = random.Random(7)
    for key, (field_type, slot) in FIELDS.items():
        CustomField.objects.create(key=key, label=key, type=field_type, slot=slot, choices=WORDS[:3])
    OrderCurrency.objects.bulk_create(OrderCurrency(code=code) for code in CURRENCIES)
    lists = [MailingList.objects.create(name=name).pk for name in ("A", "B")]
    tags = [Tag.objects.create(name=name).pk for name in ("x", "y")]
    made = Subscriber.objects.bulk_create(subscriber(number, rng) for number in range(60))
    found = {person.pk: facts_of(person, rng, lists, tags) for person in made}
    Profile.objects.bulk_create(profile for profile, _ in found.values())
    add_orders(found)
    return {key: facts for key, (_, facts) in found.items()}


def subscriber(number: int, rng: random.Random) -> Subscriber:
    return Subscriber(
        email=f"{rng.choice('ab')}{number}@example.com",
        email_key=email_key(str(number)),
        name=rng.choice(["", *WORDS]),
        fields={key: values(kind, rng) for key, (kind, _) in FIELDS.items() if rng.random() < 0.7},
    )


def facts_of(
    person: Subscriber, rng: random.Random, lists: list[int], tags: list[int]
) -> tuple[Profile, Facts]:
    stored = person.fields
    facts: Facts = {
        "email": person.email,
        "name": person.name,
        "language": "",
        "source": "",
        "received": (True, moment(rng) if rng.random() < 0.6 else None),
        "joined": moment(rng),
        "list": rng.sample(lists, rng.randint(0, 2)),
        "tag": rng.sample(tags, rng.randint(0, 2)),
        "consent.marketing": rng.random() < 0.5,
        "consent.opens": rng.random() < 0.5,
        "consent.clicks": rng.random() < 0.5,
        **{f"field.{key}": value for key, value in stored.items()},
    }
    opens, clicks = rng.choice([0, 1, 2, 5]), rng.choice([0, 1, 2, 5])
    opened, clicked = (moment(rng) if rng.random() < 0.6 else None for _ in range(2))
    profile = Profile(
        subscriber_id=person.pk,
        joined_at=facts["joined"],
        list_ids=facts["list"],
        tag_ids=facts["tag"],
        marketing_basis=rng.choice(["consent", "soft_opt_in"]) if facts["consent.marketing"] else "withdrawn",
        opens_allowed=facts["consent.opens"],
        clicks_allowed=facts["consent.clicks"],
        last_opened_at=opened,
        last_clicked_at=clicked,
        last_sent_at=facts["received"][1],
        opens=opens,
        clicks=clicks,
        **{slot: stored.get(key) for key, (_, slot) in FIELDS.items() if slot},
    )
    agreed, clickable = facts["consent.opens"], facts["consent.clicks"]
    facts["opened"], facts["clicked"] = (agreed, opened), (clickable, clicked)
    facts["opens"], facts["clicks"] = (agreed, opens), (clickable, clicks)
    facts |= bought(rng)
    facts["campaign"] = {("got", str(least)): True for least in (1, 2) if opens >= least}
    facts["campaign"] |= {("opened", str(least)): (opens >= least if agreed else None) for least in (1, 2)}
    return profile, facts


def bought(rng: random.Random) -> Facts:
    """What the oracle knows of up to four orders of somebody."""
    found = [
        (moment(rng), rng.choice(CURRENCIES), rng.choice([0, 50, 9_999, 10_000]))
        for _ in range(rng.choice([0, 0, 1, 2, 4]))
    ]
    return {
        "orders.last": max((at for at, *_ in found), default=None),
        "orders.count": [at for at, *_ in found],
        "orders.product": rng.sample(WORDS, rng.randint(0, 2)) if found else [],
        **{
            f"spent.{code}": [(at, total) for at, paid, total in found if paid == code] for code in CURRENCIES
        },
    }


def add_orders(found: dict[int, tuple[Profile, Facts]]) -> None:
    """Store the orders that the facts tell; all products of a person stand in their first."""
    products = {
        product.name: product for product in Product.objects.bulk_create(Product(name=name) for name in WORDS)
    }
    made = Order.objects.bulk_create(
        Order(
            source="shop",
            number=f"{key}-{code}-{place}",
            subscriber_id=key,
            ordered_at=at,
            currency=code,
            total=total,
        )
        for key, (_, facts) in found.items()
        for code in CURRENCIES
        for place, (at, total) in enumerate(facts[f"spent.{code}"])
    )
    first = {order.subscriber_id: order for order in reversed(made)}
    OrderLine.objects.bulk_create(
        OrderLine(order=first[key], place=place, product=products[name])
        for key, (_, facts) in found.items()
        for place, name in enumerate(facts["orders.product"])
    )
    with connection.cursor() as cursor:
        orders.refresh(cursor, list(found))


def trees(known: Catalogue) -> st.SearchStrategy[dict[str, Any]]:
    rules = st.sampled_from(sorted(known.subjects)).flatmap(lambda key: rule(known, key))
    inner = st.recursive(rules, group, max_leaves=6)
    return group(inner)


def group(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda match, rules: {"match": match, "rules": rules},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, min_size=1, max_size=3),
    )


def rule(known: Catalogue, key: str) -> st.SearchStrategy[dict[str, Any]]:
    subject = known[key]
    return st.sampled_from(sorted(subject.reactions or OPERATORS[subject.kind])).flatmap(
        lambda operator: st.builds(
            lambda value, within: {"subject": key, "operator": operator, "value": value, "within": within},
            value_for(subject.kind, operator, known),
            st.sampled_from([None, 1, 7, 30]),
        )
    )


DAYS_ASKED = ["2026-06-15", "2026-06-14", "2026-06-08", "2025-01-01"]
SIMPLE_VALUES: dict[Kind, list[Any]] = {
    Kind.COUNTED: [1, 2],
    Kind.REACTION: [1, 2],
    Kind.ORDERS: [1, 2],
    Kind.SPENT: ["0", "0.5", "100", "99.99"],
    Kind.NUMBER: [0, 1, 1.5, 40, -3],
    Kind.DATE: DAYS_ASKED,
    Kind.MOMENT: DAYS_ASKED,
    Kind.PURCHASE: DAYS_ASKED,
}


def value_for(kind: Kind, operator: str, known: Catalogue) -> st.SearchStrategy[Any]:
    if operator in DAYS:
        return st.sampled_from([1, 7, 30, 365])
    if kind in {Kind.LIST, Kind.TAG}:
        ids = [int(value) for value, _ in known["list" if kind is Kind.LIST else "tag"].choices]
        return st.lists(st.sampled_from(ids), min_size=1, max_size=2)
    if kind in SIMPLE_VALUES:
        return st.sampled_from(SIMPLE_VALUES[kind])
    words = st.sampled_from([*WORDS, "example.com", "a", "%", "_", "ber"])
    return st.lists(words, min_size=1, max_size=3) if operator in SEVERAL else words


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_sql_and_oracle_agree(people: dict[int, Facts], data: st.DataObject) -> None:
    known = the_catalogue()
    try:
        rules = parse_rules(data.draw(trees(known)), known)
    except RuleError as error:
        assert "deep" in str(error)  # noqa: PT017 - deeper than anybody may nest
        return
    condition = compile_rules(rules, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(select_ids(condition), condition.params)
        chosen = {row[0] for row in cursor.fetchall()}
    assert chosen == {key for key, facts in people.items() if matches(rules, facts, now=NOW)}


def test_values_are_parameters_and_never_sql(people: dict[int, Facts]) -> None:
    evil = "'; DROP TABLE subscribers_profile; --"
    tree = {"match": "all", "rules": [{"subject": "field.plain", "operator": "equals", "value": evil}]}
    condition = compile_rules(parse_rules(tree, catalogue.current()), now=NOW)
    assert evil not in condition.sql
    assert evil in condition.params


def test_a_field_with_a_slot_needs_no_join(people: dict[int, Facts]) -> None:
    tree = {"match": "all", "rules": [{"subject": "field.city", "operator": "equals", "value": "Berlin"}]}
    assert not compile_rules(parse_rules(tree, catalogue.current()), now=NOW).needs_subscriber


def chosen_by(tree: dict[str, Any]) -> set[int]:
    condition = compile_rules(parse_rules(tree, the_catalogue()), now=NOW)
    with connection.cursor() as cursor:
        cursor.execute(select_ids(condition), condition.params)
        return {row[0] for row in cursor.fetchall()}


QUIET = {"subject": "opened", "operator": "not_in_last_days", "value": 30}
NEVER = {"subject": "opened", "operator": "never"}
OPENED = {"subject": "opened", "operator": "ever"}
RARELY = {"subject": "opens", "operator": "at_most", "value": 0}
OFTEN = {"subject": "opens", "operator": "at_least", "value": 1}
THAT_ONE = {"subject": "campaign", "operator": "opened", "value": 1}


@pytest.mark.parametrize(
    "tree",
    [
        {"match": "all", "rules": [QUIET]},
        {"match": "all", "rules": [NEVER]},
        {"match": "none", "rules": [OPENED]},
        {"match": "all", "rules": [RARELY]},
        {"match": "none", "rules": [OFTEN]},
        {"match": "none", "rules": [THAT_ONE]},
        {"match": "none", "rules": [{"match": "any", "rules": [OPENED, THAT_ONE]}]},
        {"match": "none", "rules": [{"match": "none", "rules": [QUIET]}]},
    ],
)
def test_without_consent_to_tracking_nothing_is_known(people: dict[int, Facts], tree: dict[str, Any]) -> None:
    chosen = chosen_by(tree)
    assert chosen
    assert all(people[key]["consent.opens"] for key in chosen)


def test_who_is_known_otherwise_is_not_lost_with_the_unknown(people: dict[int, Facts]) -> None:
    """“None of (opened, on no list)” is decided by a list where the opens are unknown, as “any of” is."""
    lists = [int(value) for value, _ in the_catalogue()["list"].choices]
    on_a_list = {"subject": "list", "operator": "has_any", "value": lists}
    chosen = chosen_by({"match": "any", "rules": [OPENED, on_a_list]})
    assert any(not people[key]["consent.opens"] for key in chosen)


BOUGHT: list[dict[str, Any]] = [
    {"subject": "orders.count", "operator": "at_least", "value": 2},
    {"subject": "orders.count", "operator": "at_most", "value": 0, "within": 7},
    {"subject": "orders.count", "operator": "equals", "value": 1, "within": 30},
    {"subject": "spent.EUR", "operator": "at_least", "value": "99.99"},
    {"subject": "spent.EUR", "operator": "at_least", "value": "99.99", "within": 7},
    {"subject": "spent.SEK", "operator": "at_most", "value": "0.5", "within": 7},
    {"subject": "orders.product", "operator": "contains", "value": "BER"},
    {"subject": "orders.product", "operator": "not_equals", "value": "berlin"},
    {"subject": "orders.last", "operator": "is_not_set"},
    {"subject": "orders.last", "operator": "before", "value": "2026-06-10"},
    {"subject": "orders.last", "operator": "in_last_days", "value": 7},
]


def test_what_people_bought(people: dict[int, Facts]) -> None:
    """Each rule alone, so that a run of few random trees still asks all of them."""
    for rule in BOUGHT:
        tree = {"match": "all", "rules": [rule]}
        rules, chosen = parse_rules(tree, the_catalogue()), chosen_by(tree)
        assert chosen == {key for key, facts in people.items() if matches(rules, facts, now=NOW)}, rule
        assert 0 < len(chosen) < len(people), rule
