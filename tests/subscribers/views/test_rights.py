"""The pages of privacy requests: who may open them, each step, each error in words."""

import datetime as dt
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from mailplatform.accounts.models import AuditEntry
from mailplatform.core import clock
from subscribers.models import RightsCase, Subscriber
from subscribers.selectors import profiles
from tests.factories.accounts import AdminFactory, UserFactory
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db
LIST = "/privacy-requests/"


@pytest.fixture(autouse=True)
def _ledger(settings: Any, tmp_path: Any) -> None:
    settings.LEDGER_KEY_FILE = str(tmp_path / "ledger.pem")
    settings.LEDGER_CHECKPOINT_FILE = str(tmp_path / "ledger.jsonl")


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(AdminFactory.create())
    return client


def begin(admin: Client, kind: str, email: str = "anna@example.com") -> RightsCase:
    answer = admin.post(
        f"{LIST}add/", {"kind": kind, "email": email, "received_on": clock.now().date().isoformat()}
    )
    assert answer.status_code == 302
    return RightsCase.objects.latest("pk")


def act(admin: Client, case: RightsCase, **data: str) -> str:
    answer = admin.post(reverse("subscribers:rights_act", args=[case.public_id]), data, follow=True)
    assert answer.status_code == 200
    case.refresh_from_db()
    return str(answer.content.decode())


def test_a_marketer_may_not_see_them(client: Client) -> None:
    client.force_login(UserFactory.create())
    assert client.get(LIST).status_code == 403


def test_the_list_shows_the_most_urgent_first_in_few_queries(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    assert "No open request" in admin.get(LIST).content.decode()
    for number in range(5):
        RightsCase.objects.create(
            kind="access", email=f"p{number}@example.com", email_key=bytes([number]) * 32,
            received_on=dt.date(2020, 1, 1), due_on=dt.date(2020, 2, 5 - number),
        )  # fmt: skip
    with django_assert_max_num_queries(8):
        page = admin.get(LIST).content.decode()
    assert page.index("p4@example.com") < page.index("p0@example.com")
    assert "A deadline is over" in page
    assert "Nothing decided yet" in admin.get(f"{LIST}?show=decided").content.decode()


def test_a_broken_address_is_said_at_its_field(admin: Client) -> None:
    answer = admin.post(f"{LIST}add/", {"kind": "access", "email": "nonsense", "received_on": "2026-01-01"})
    assert answer.status_code == 422
    assert "Please check the address" in answer.content.decode()
    assert not RightsCase.objects.exists()


def test_a_download_is_a_file_and_stands_in_the_log(admin: Client) -> None:
    person("anna@example.com")
    case = begin(admin, "access")
    answer = admin.post(reverse("subscribers:rights_data", args=[case.public_id]), {"form": "json"})
    assert answer["Content-Disposition"].startswith("attachment")
    assert answer["Cache-Control"] == "no-store"
    assert answer.json()["person"]["email"] == "anna@example.com"
    assert "SHA-256" in act(admin, case, action="note", text="Passport seen.")
    assert "Close" in act(admin, case, action="close", outcome="done", text="")
    assert case.state == "open"
    assert "Sent by letter." in act(admin, case, action="close", outcome="done", text="Sent by letter.")
    assert case.state == "done"
    again = admin.post(
        reverse("subscribers:rights_data", args=[case.public_id]), {"form": "csv"}, follow=True
    )
    assert "decided already" in again.content.decode()


def test_each_kind_has_its_page_and_its_step(admin: Client) -> None:
    someone = person("anna@example.com")
    for kind, action, reason in (
        ("restriction", "restrict", "restricted"),
        ("objection", "object", "restricted"),
    ):
        case = begin(admin, kind)
        assert f'value="{action}"' in admin.get(f"{LIST}{case.public_id}/").content.decode()
        act(admin, case, action=action)
        assert case.state == "done"
        assert profiles.of(someone).reason == reason
    restriction = RightsCase.objects.get(kind="restriction")
    assert "End the restriction" in admin.get(f"{LIST}{restriction.public_id}/").content.decode()
    act(admin, restriction, action="lift", text="settled")
    assert profiles.of(someone).reason == "unsubscribed"
    correction = begin(admin, "rectification")
    assert "Enter a language code" in act(admin, correction, action="rectify", name="A", language="deutsch!")
    assert "Corrected" in act(admin, correction, action="rectify", name="A", language="de")
    erasure = begin(admin, "erasure")
    page = act(admin, erasure, action="erase")
    assert "Not reached" in page
    assert "anna@example.com" not in page
    assert not Subscriber.objects.exists()
    assert AuditEntry.objects.filter(action="rights.done").count() == 4


def test_a_deadline_is_extended_with_a_reason(admin: Client) -> None:
    case = begin(admin, "access")
    assert "Give the reason" in act(admin, case, action="extend", reason="")
    assert "extended" in act(admin, case, action="extend", reason="complex")


def test_an_unknown_step_or_case_is_an_error_not_a_crash(admin: Client) -> None:
    case = begin(admin, "access")
    assert (
        admin.post(reverse("subscribers:rights_act", args=[case.public_id]), {"action": "x"}).status_code
        == 400
    )
    assert admin.get(f"{LIST}00000000-0000-0000-0000-000000000000/").status_code == 404
