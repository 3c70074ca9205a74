import pytest

from mailplatform.accounts import selectors
from mailplatform.accounts.services import audit
from tests.factories.accounts import AdminFactory, UserFactory

pytestmark = pytest.mark.django_db


def test_people_who_may_sign_in_come_first() -> None:
    UserFactory.create(email="a@example.org", is_active=False)
    UserFactory.create(email="b@example.org")
    assert [user.email for user in selectors.users()] == ["b@example.org", "a@example.org"]


def test_the_log_can_be_walked_to_its_end_and_back() -> None:
    written = [audit.record(actor=None, action="x.y").pk for _ in range(selectors.PAGE * 2 + 5)][::-1]
    first = selectors.audit_page()
    second = selectors.audit_page(before=first.older)
    third = selectors.audit_page(before=second.older)
    assert [entry.pk for page in (first, second, third) for entry in page.entries] == written
    assert first.newer is None
    assert third.older is None
    back = selectors.audit_page(after=third.newer)
    assert [entry.pk for entry in back.entries] == [entry.pk for entry in second.entries]
    assert selectors.audit_page(after=back.newer).newer is None


def test_one_kind_of_action_alone() -> None:
    audit.record(actor=None, action="a.b")
    audit.record(actor=AdminFactory.create(), action="c.d")
    assert [entry.action for entry in selectors.audit_page(action="c.d").entries] == ["c.d"]
    assert selectors.audit_actions() == ["a.b", "c.d"]


def test_an_empty_log_has_one_empty_page() -> None:
    assert selectors.audit_page() == selectors.AuditPage([], None, None)
    assert selectors.audit_page(after=7).entries == []
