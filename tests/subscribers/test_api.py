"""People and lists by API: the same checks as on the pages."""

from typing import Any

import pytest
from django.test import Client

from mailplatform.accounts.services import api_tokens
from mailplatform.core.keys import email_key
from subscribers.models import (
    ConsentPersonal,
    ConsentRecord,
    OwedMail,
    SignupRequest,
    Subscriber,
    SubscriptionState,
)
from subscribers.services import suppression
from tests.factories.accounts import AdminFactory
from tests.factories.subscribers import mailing_list, person

pytestmark = pytest.mark.django_db
EVIDENCE = {
    "basis": "consent", "source": "shop", "wording": "Yes, send me news.", "occurred_at": "2025-01-01T12:00:00Z",
}  # fmt: skip
CUSTOMER = {
    **EVIDENCE, "basis": "soft_opt_in", "reference": "A-17", "similar_products": True, "opt_out_offered": True,
}  # fmt: skip


@pytest.fixture(autouse=True)
def _ledger(settings: Any, tmp_path: Any) -> None:
    settings.LEDGER_KEY_FILE = str(tmp_path / "ledger.pem")
    settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "ledger.jsonl")


class Caller:
    """A program with every scope."""

    def __init__(self) -> None:
        self.client = Client()
        _, secret = api_tokens.make(name="test", scopes=api_tokens.SCOPES, owner=AdminFactory.create())
        self.headers = {"authorization": f"Bearer {secret}"}

    def __call__(self, method: str, path: str, data: Any = None) -> Any:
        options: dict[str, Any] = {"headers": self.headers}
        if method != "get":
            options |= {"data": data or {}, "content_type": "application/json"}
        return getattr(self.client, method)(f"/api/v1/{path}", **options)


@pytest.fixture
def call() -> Caller:
    return Caller()


def test_somebody_with_evidence_may_be_mailed_and_the_ledger_says_why(call: Caller) -> None:
    news = mailing_list("News")
    made = call(
        "post", "people",
        {"email": "Anna@Example.com", "evidence": EVIDENCE, "lists": [str(news.public_id)], "tags": ["vip"]},
    )  # fmt: skip
    assert made.status_code == 201
    assert made.json()["may_be_mailed"] is True
    assert ConsentRecord.objects.get().source == "shop"
    assert call("post", "people", {"email": "anna@example.com"}).status_code == 409
    held = call("get", f"people/{made.json()['id']}/data").json()
    assert held["consent"][0]["wording"] == "Yes, send me news."
    members = call("get", f"lists/{news.public_id}/subscriptions").json()["items"]
    assert [row["state"] for row in members] == [SubscriptionState.CONFIRMED]


def test_an_existing_customer_is_recorded_with_the_sale_and_both_conditions(call: Caller) -> None:
    assert call("post", "people", {"email": "a@example.com", "evidence": CUSTOMER}).json()["may_be_mailed"]
    said = ConsentPersonal.objects.get().evidence
    assert {name: said.get(name) for name in ("order", "order_date", "similar_products", "opt_out_offered")} == {
        "order": "A-17", "order_date": "2025-01-01", "similar_products": True, "opt_out_offered": True,
    }  # fmt: skip


def test_without_evidence_nobody_is_mailed(call: Caller) -> None:
    made = call("post", "people", {"email": "anna@example.com"}).json()
    assert (made["may_be_mailed"], made["why_not"]) == (False, "no_basis")


@pytest.mark.parametrize(
    "given",
    [
        {"email": "nonsense"},
        {"email": "a@example.com", "evidence": {**EVIDENCE, "wording": ""}},
        {"email": "a@example.com", "evidence": {**EVIDENCE, "occurred_at": "2025-01-01T12:00:00"}},
        {"email": "a@example.com", "evidence": {**EVIDENCE, "basis": "soft_opt_in"}},
        {"email": "a@example.com", "evidence": {**CUSTOMER, "similar_products": False}},
        {"email": "a@example.com", "evidence": {**CUSTOMER, "opt_out_offered": False}},
        {"email": "a@example.com", "evidence": {**CUSTOMER, "wording": ""}},
        {"email": "a@example.com", "lists": ["00000000-0000-0000-0000-000000000000"]},
        {},
    ],
)
def test_bad_input_is_refused_and_nobody_stored(call: Caller, given: dict[str, Any]) -> None:
    assert call("post", "people", given).status_code == 422
    assert not Subscriber.objects.exists()


@pytest.mark.parametrize("reason", ["unsubscribe", "complaint", "bounce", "erased", "restricted", "manual"])
def test_nobody_is_brought_back(call: Caller, reason: str) -> None:
    suppression.suppress(email_key=email_key("a@example.com"), reason=reason, source="test")
    assert call("post", "people", {"email": "a@example.com", "evidence": EVIDENCE}).status_code == 422


def test_people_come_by_page_and_by_address(call: Caller) -> None:
    for number in range(5):
        person(f"p{number}@example.com")
    first = call("get", "people?limit=3").json()
    second = call("get", f"people?limit=3&after={first['next']}").json()
    assert [len(first["items"]), len(second["items"]), second["next"]] == [3, 2, None]
    assert [row["email"] for row in call("get", "people?email=P1@example.com").json()["items"]] == [
        "p1@example.com"
    ]
    assert call("get", "people?limit=9999").status_code == 422


def test_changing_unsubscribing_and_erasing(call: Caller) -> None:
    someone = person("anna@example.com", name="Ana", tags=["vip"])
    at = f"people/{someone.public_id}"
    assert call("patch", at, {"name": "Anna"}).json()["name"] == "Anna"
    assert [tag.name for tag in someone.tags.all()] == ["vip"]
    assert call("post", f"{at}/unsubscribe").json()["why_not"] == "unsubscribed"
    assert call("delete", at).status_code == 204
    assert call("get", at).status_code == 404
    assert not Subscriber.objects.exists()


def test_lists_are_made_once(call: Caller) -> None:
    assert call("post", "lists", {"name": "News"}).status_code == 201
    assert call("post", "lists", {"name": "News"}).json()["code"] == "known"
    assert [row["name"] for row in call("get", "lists").json()] == ["News"]


def test_a_sign_up_owes_the_mail_and_stores_nobody(call: Caller) -> None:
    from subscribers.models import SignupForm, SignupText

    form = SignupForm.objects.create(mailing_list=mailing_list("News"), name="Footer")
    SignupText.objects.create(form=form, language="en", title="News", wording="Yes, send me news.")
    given = {
        "form": str(form.public_id), "email": "new@example.com", "agreed": {"marketing_email": "Yes, send me news."},
    }  # fmt: skip
    answer = call("post", "signups", given)
    assert (answer.status_code, answer.json()) == (202, {"status": "confirmation_due"})
    assert SignupRequest.objects.count() == 1
    assert OwedMail.objects.count() == 1
    assert not Subscriber.objects.exists()
    person("known@example.com")
    assert call("post", "signups", {**given, "email": "known@example.com"}).json() == answer.json()
    assert call("post", "signups", {**given, "email": "x"}).status_code == 422
    form.mailing_list.opt_in = "single"
    form.mailing_list.save()
    assert call("post", "signups", given).json()["code"] == "single_opt_in"
