import pytest

from mailplatform.accounts.services import audit
from tests.factories.accounts import AdminFactory

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_did_what_to_what() -> None:
    admin = AdminFactory.create(email="ada@example.org")
    entry = audit.record(actor=admin, action="user.invited", obj=admin, detail={"role": "viewer"})
    entry.refresh_from_db()
    assert (entry.actor, entry.actor_label, entry.action) == (admin, "ada@example.org", "user.invited")
    assert (entry.object_type, entry.object_id, entry.detail) == (
        "accounts.User",
        str(admin.pk),
        {"role": "viewer"},
    )


def test_the_name_stays_when_the_user_is_gone() -> None:
    admin = AdminFactory.create(email="ada@example.org")
    entry = audit.record(actor=admin, action="a.b")
    admin.delete()
    entry.refresh_from_db()
    assert entry.actor is None
    assert entry.actor_label == "ada@example.org"


def test_the_system_acts_without_a_user() -> None:
    entry = audit.record(actor=None, action="run.paused")
    assert (entry.actor_label, entry.object_type, entry.detail) == ("system", "", {})
