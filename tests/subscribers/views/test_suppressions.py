import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from mailplatform.accounts.models import AuditEntry
from mailplatform.core.keys import email_key
from subscribers.models import BlockedDomain, Suppression
from subscribers.selectors.subscribers import Filters, find
from subscribers.services import erasure, suppression
from tests.factories.accounts import UserFactory, ViewerFactory
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(client: Client) -> Client:
    client.force_login(UserFactory.create())
    return client


def states() -> dict[str, str]:
    return {row.email: row.reason for row in find(Filters()).rows}


def test_an_address_and_a_domain_are_blocked_and_lifted_with_a_reason(marketer: Client) -> None:
    for address in ("ann@example.com", "bob@example.org", "cid@sub.example.org"):
        person(address)
    marketer.post("/blocked/", {"what": " ANN@example.com", "reason": "asked by phone"})
    marketer.post("/blocked/", {"what": "@Example.org", "reason": "a competitor"})
    assert states() == {"ann@example.com": "blocked", "bob@example.org": "blocked", "cid@sub.example.org": ""}
    page = marketer.get("/blocked/").content.decode()
    assert "asked by phone" in page
    assert "a competitor" in page
    row, domain = Suppression.objects.get(), BlockedDomain.objects.get()
    assert marketer.post(f"/blocked/{row.pk}/lift/", {"because": " "}).status_code == 422
    assert marketer.post(f"/blocked/{row.pk}/lift/", {"because": "a mistake"}).status_code == 302
    assert marketer.post(f"/blocked/domains/{domain.pk}/lift/", {"because": "friends now"}).status_code == 302
    assert set(states().values()) == {""}
    assert marketer.get(f"/blocked/{row.pk}/lift/").status_code == 404
    assert marketer.get(f"/blocked/domains/{domain.pk}/lift/").status_code == 404
    assert "lifted" in marketer.get("/blocked/?q=ann@example.com").content.decode()
    wanted = {"suppression.made", "suppression.lifted", "domain.blocked", "domain.lifted"}
    assert wanted <= set(AuditEntry.objects.values_list("action", flat=True))


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        ("", "x"),
        ("ann@", "x"),
        ("no domain", "x"),
        ("a b@example.com", "x"),
        ("ann@example.com", " "),
        ("-", "x"),
    ],
)
def test_what_cannot_be_blocked_is_said(marketer: Client, what: str, reason: str) -> None:
    assert marketer.post("/blocked/", {"what": what, "reason": reason}).status_code == 422
    assert not Suppression.objects.exists()
    assert not BlockedDomain.objects.exists()


def test_a_domain_is_blocked_once(marketer: Client) -> None:
    marketer.post("/blocked/", {"what": "example.com", "reason": "x"})
    answer = marketer.post("/blocked/", {"what": "example.com", "reason": "x"})
    assert "is blocked already" in answer.content.decode()


@pytest.mark.parametrize("reason", ["complaint", "unsubscribe", "erased"])
def test_what_only_the_person_can_lift_stays(marketer: Client, reason: str) -> None:
    suppression.suppress(email_key=email_key("ann@example.com"), reason=reason, source="test")
    row = Suppression.objects.get()
    assert "only the person can" in marketer.get("/blocked/?q=ann@example.com").content.decode()
    assert "Only the person themselves" in marketer.get(f"/blocked/{row.pk}/lift/").content.decode()
    assert marketer.post(f"/blocked/{row.pk}/lift/", {"because": "I want"}).status_code == 422
    row.refresh_from_db()
    assert row.lifted_at is None


def test_the_erased_are_found_by_their_address_and_named_nowhere_else(marketer: Client) -> None:
    zoe = person("zoe@example.net")
    erasure.erase(subscriber_id=zoe.pk, actor=None, source="asked")
    page = marketer.get("/blocked/").content.decode()
    assert "zoe@example.net" not in page
    assert "known as a keyed hash" in page
    assert "Erased on request" in marketer.get("/blocked/?q=zoe@example.net").content.decode()
    assert "Nobody was looked for" in marketer.get("/blocked/?q=ann").content.decode()


def test_many_are_paged_with_few_queries(
    marketer: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(55):
        suppression.suppress(email_key=email_key(f"p{number}@example.com"), reason="bounce", source="test")
    with django_assert_max_num_queries(10):
        page = marketer.get("/blocked/?reason=bounce&before=x").content.decode()
    assert page.count("Lift</a>") == 50
    before = sorted(Suppression.objects.values_list("pk", flat=True))[5]
    rest = marketer.get(f"/blocked/?reason=bounce&before={before}").content.decode()
    assert rest.count("Lift</a>") == 5


def test_viewers_look_and_block_nobody(client: Client) -> None:
    client.force_login(ViewerFactory.create())
    client.post("/blocked/", {"what": "ann@example.com", "reason": "x"})
    assert "Block an address" not in client.get("/blocked/").content.decode()
    assert not Suppression.objects.exists()
