"""Taking an address off Amazon's list: with a reason, ours along with it, and never against the person's word."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.aws import suppression as ses_list
from mailplatform.core import clock
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import Suppression
from subscribers.services import account_list, suppression, suppression_sync
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _site(ledger_files: Any, shared_sandbox: RunningSandbox, settings: Any) -> Iterator[None]:
    settings.AWS_ENDPOINT_URLS = {"sesv2": shared_sandbox.url}
    settings.AWS_REGION = shared_sandbox.region
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    connection = installation.aws_connection()
    yield
    for entry in list(ses_list.listed(connection)):
        ses_list.delete(connection, entry.email)


def put(email: str, reason: str = "BOUNCE") -> None:
    ses_list.put(installation.aws_connection(), email=email, reason=reason)


def take_off(email: str, because: str = "The mailbox works again") -> ses_list.Listed:
    return account_list.take_off(email=email, actor=None, because=because)


def test_an_address_is_found_as_it_is_written_or_in_small_letters() -> None:
    put("Anna@Example.com")
    put("bob@example.com")
    assert account_list.find(email="Anna@Example.com") is not None
    assert account_list.find(email="anna@example.com") is None
    found = account_list.find(email=" BOB@example.com ")
    assert found is not None
    assert (found.email, found.reason) == ("bob@example.com", "BOUNCE")


@pytest.mark.parametrize("is_known_here", [True, False])
def test_a_bounce_goes_there_and_here_and_does_not_come_back(is_known_here: bool) -> None:
    person("anna@example.com")
    put("anna@example.com")
    if is_known_here:
        suppression_sync.sync()
    take_off("anna@example.com")
    assert account_list.find(email="anna@example.com") is None
    row = Suppression.objects.get()
    assert row.lifted_at is not None
    assert row.lifted_because == "The mailbox works again"
    assert AuditEntry.objects.filter(action="suppression.taken_off_at_amazon").count() == 1
    assert suppression_sync.sync().told == 0


def test_a_complaint_only_the_person_takes_back() -> None:
    put("anna@example.com", "COMPLAINT")
    with pytest.raises(suppression.OnlyThePerson):
        take_off("anna@example.com")
    assert account_list.find(email="anna@example.com") is not None


def test_who_came_back_by_themselves_can_be_taken_off() -> None:
    someone = person("anna@example.com")
    put("anna@example.com", "COMPLAINT")
    suppression_sync.sync()
    Suppression.objects.update(lifted_at=clock.now() + timedelta(minutes=1))
    take_off("anna@example.com")
    assert account_list.find(email="anna@example.com") is None
    assert suppression.suppression_reasons(bytes(someone.email_key)) == set()


@pytest.mark.parametrize(
    ("email", "because", "error"),
    [
        ("nobody@example.com", "x", suppression.NotSuppressed),
        ("no address", "x", suppression.SuppressionError),
        ("anna@example.com", " ", suppression.SuppressionError),
    ],
)
def test_what_cannot_be_done_is_said(email: str, because: str, error: type[Exception]) -> None:
    put("anna@example.com")
    with pytest.raises(error):
        take_off(email, because)
    assert Suppression.objects.count() == 0


def test_an_amazon_that_does_not_answer_is_said(settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    with pytest.raises(ses_list.SuppressionListUnreachable):
        account_list.find(email="anna@example.com")
