"""Choosing what is wanted at Amazon, in the browser."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign
from events.services import account_choices, account_progress, provisioning
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.aws.provision.wanted import BadChoice, Schedule
from tests.factories.accounts import AdminFactory, UserFactory, ViewerFactory, sign_in
from tests.factories.campaigns import make_campaign

pytestmark = pytest.mark.django_db
HERE = "events:amazon_choices"
GOOD = {
    "identities": "example.eu\nnews@shop.eu",
    "operations_address": "ops@example.eu",
    "tracking_domain": "t.example.eu",
    "ip_pool": "pool",
    "tenant": "shop",
    "without": ["monitoring"],
}


@pytest.fixture
def admin(client: Client) -> Client:
    account_progress.forget()
    sign_in(client, AdminFactory.create())
    installation.update(actor=None, sender_address="news@example.eu", public_url="https://news.example.eu")
    return client


def rows(*given: dict[str, str], initial: int = 0) -> dict[str, str]:
    found = {"schedules-TOTAL_FORMS": str(len(given)), "schedules-INITIAL_FORMS": str(initial)}
    for number, row in enumerate(given):
        found |= {f"schedules-{number}-{name}": value for name, value in row.items()}
    return found


def post(client: Client, *schedules: dict[str, str], initial: int = 0, **changes: Any) -> Any:
    return client.post(reverse(HERE), {**GOOD, **changes, **rows(*schedules, initial=initial)})


def test_what_is_saved_is_meant_by_the_next_compare_and_not_by_what_sends(admin: Client) -> None:
    answer = post(admin)
    assert answer.status_code == 302
    want = account_choices.wanted()
    assert want.identities == ("example.eu", "news@shop.eu")
    assert (want.tenant, want.ip_pool, want.without) == ("shop", "pool", frozenset({"monitoring"}))
    assert installation.get().tenant == ""
    assert provisioning.wanted().tenant == ""
    text = admin.get(reverse("events:amazon")).content.decode()
    assert "Saved, not applied yet" in text
    assert text.count("not applied yet</span>") == 6


def test_who_chose_what_is_in_the_audit_log(admin: Client) -> None:
    post(admin)
    entry = AuditEntry.objects.get(action="aws.choices_changed")
    assert entry.actor is not None
    assert entry.detail["tenant"] == ["", "shop"]
    assert entry.detail["identities"] == ["example.eu", "example.eu, news@shop.eu"]
    assert "schedules" not in entry.detail
    # The same once more changes nothing.
    post(admin)
    assert AuditEntry.objects.filter(action="aws.choices_changed").count() == 1


def test_what_equals_the_last_apply_is_no_longer_waiting(admin: Client) -> None:
    post(admin)
    assert account_choices.not_applied(account_choices.wanted()) >= {"tenant", "ip_pool"}
    empty: dict[str, Any] = dict.fromkeys(("operations_address", "tracking_domain", "ip_pool", "tenant"), "")
    post(admin, identities="", without=[], **empty)
    assert installation.get().account_choices is None
    assert account_choices.not_applied(account_choices.wanted()) == set()


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"identities": "exam ple.eu", "tracking_domain": ""}, "identities", "is no domain to send from"),
        ({"identities": "müller@example.eu", "tracking_domain": ""}, "identities", "ASCII before"),
        ({"operations_address": "ops"}, "operations_address", "is no address to mail alarms to"),
        ({"tracking_domain": "t.other.eu"}, "tracking_domain", "must be a subdomain of a sending domain"),
        ({"ip_pool": "a pool"}, "ip_pool", "of the IP pool must have"),
        ({"tenant": "t" * 65}, "tenant", "of the tenant must have"),
        ({"without": ["everything"]}, "without", "not one of the available choices"),
    ],
)
def test_what_amazon_would_refuse_is_told_at_its_field_and_what_was_entered_is_kept(
    admin: Client, changes: dict[str, Any], field: str, words: str
) -> None:
    answer = post(admin, **changes)
    assert answer.status_code == 422
    form = answer.context["form"]
    assert list(form.errors) == [field]
    assert words in form.errors[field][0]
    text = answer.content.decode()
    assert 'aria-invalid="true"' in text
    assert 'value="shop"' in text or field == "tenant"
    assert installation.get().account_choices is None


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        ({"name": "a b", "expression": "rate(1 day)", "event": "x"}, "name"),
        ({"name": "", "expression": "rate(1 day)", "event": "x"}, "name"),
        ({"name": "weekly", "expression": "every day", "event": "x"}, "expression"),
        ({"name": "weekly", "expression": "rate(1 day)"}, "campaign"),
        ({"name": "weekly", "expression": "rate(1 day)", "event": "Price list"}, "event"),
        (
            {"name": "w", "expression": "rate(1 day)", "campaign": "0b9c7a4e-6a1f-4b60-9f0f-2f3d5a7c9e11"},
            "campaign",
        ),
    ],
)
def test_a_schedule_that_cannot_be_is_told_at_its_field(
    admin: Client, schedule: dict[str, str], field: str
) -> None:
    answer = post(admin, schedule)
    assert answer.status_code == 422
    assert field in answer.context["rows"].errors[0]


def test_schedules_are_added_changed_and_removed(admin: Client) -> None:
    campaign: Campaign = make_campaign(name="Weekly letter")
    weekly = {"name": "weekly", "expression": "rate(7 days)", "campaign": str(campaign.public_id)}
    daily = {"name": "daily", "expression": "rate(1 day)", "event": "price-list"}
    third = {"name": "third", "expression": "rate(3 days)", "event": "x"}
    assert post(admin, weekly, daily, third, {}).status_code == 302
    assert account_choices.wanted().schedules == (
        Schedule("weekly", "rate(7 days)", campaign=str(campaign.public_id)),
        Schedule("daily", "rate(1 day)", event="price-list"),
        Schedule("third", "rate(3 days)", event="x"),
    )
    text = admin.get(reverse(HERE)).content.decode()
    assert "Weekly letter" in text
    assert "A new schedule" in text
    changed = {**daily, "expression": "rate(2 days)"}
    emptied = dict.fromkeys(third, "")
    answer = post(admin, weekly, changed, emptied, initial=3)
    assert (answer.status_code, list(answer.context["rows"].errors[2])) == (
        422,
        ["name", "expression", "campaign"],
    )
    # What is to go need not be right.
    gone = [{**row, "DELETE": "on"} for row in (weekly, emptied)]
    answer = post(admin, gone[0], changed, gone[1], initial=3)
    assert answer.status_code == 302
    assert account_choices.wanted().schedules == (Schedule("daily", "rate(2 days)", event="price-list"),)


def test_two_schedules_of_one_name_are_refused(admin: Client) -> None:
    daily = {"name": "daily", "expression": "rate(1 day)", "event": "price-list"}
    answer = post(admin, daily, daily)
    assert answer.status_code == 422
    assert "Two schedules have one name." in answer.content.decode()


def test_a_schedule_whose_draft_is_gone_hinders_no_other_choice(admin: Client) -> None:
    gone = {"name": "w", "expression": "rate(1 day)", "campaign": "0b9c7a4e-6a1f-4b60-9f0f-2f3d5a7c9e11"}
    installation.update(actor=None, provisioning={"schedules": [gone], "identities": ["example.eu"]})
    assert "(no draft any more)" in admin.get(reverse(HERE)).content.decode()
    assert post(admin, gone, initial=1).status_code == 302
    assert account_choices.wanted().tenant == "shop"


def test_the_domain_of_the_default_sender_is_taken_where_none_is_named(admin: Client) -> None:
    assert post(admin, identities="").status_code == 302
    assert account_choices.wanted().identities == ("example.eu",)


def test_while_a_worker_is_at_it_nothing_is_saved(admin: Client) -> None:
    account_progress.begin("plan")
    answer = post(admin)
    assert answer.status_code == 422
    assert "A worker is at the account. Nothing was saved" in answer.content.decode()
    assert installation.get().account_choices is None
    account_progress.forget()


def test_the_service_itself_refuses_what_cannot_be() -> None:
    with pytest.raises(BadChoice, match="of the tenant must have"):
        account_choices.save(actor=AdminFactory.create(), choices={"tenant": "a b"})


@pytest.mark.parametrize("factory", [UserFactory, ViewerFactory])
def test_only_an_administrator_chooses(client: Client, factory: Any) -> None:
    sign_in(client, factory.create())
    assert client.get(reverse(HERE)).status_code == 403
    assert post(client).status_code == 403
    assert installation.get().account_choices is None


def test_a_form_from_elsewhere_is_refused(admin: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    sign_in(strict, AdminFactory.create())
    for name in (HERE, "events:amazon"):
        assert strict.post(reverse(name), {**GOOD, "act": "plan"}).status_code == 403
    assert account_progress.state() is None
