"""Our suppressions and those of the SES account, against the sandbox: each learns from the other."""

from collections.abc import Iterator
from typing import Any

import pytest

from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.aws import suppression as ses_list
from mailplatform.core.keys import email_key
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import Suppression
from subscribers.selectors import profiles
from subscribers.services import suppression, suppression_sync
from tests.factories.subscribers import person

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def sandbox(shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture(autouse=True)
def _site(ledger_files: Any, sandbox: RunningSandbox, settings: Any) -> Iterator[None]:
    settings.AWS_ENDPOINT_URLS = {"sesv2": sandbox.url}
    settings.AWS_REGION = sandbox.region
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    connection = installation.aws_connection()
    yield
    for entry in list(ses_list.listed(connection)):
        ses_list.delete(connection, entry.email)


def there() -> dict[str, str]:
    return {entry.email: entry.reason for entry in ses_list.listed(installation.aws_connection())}


def test_what_amazon_knows_is_learnt_in_any_spelling() -> None:
    someone = person("anna@example.com")
    ses_list.put(installation.aws_connection(), email="Anna@Example.com", reason="COMPLAINT")
    assert suppression_sync.sync().learnt == 1
    assert profiles.of(someone).reason == "complained"
    again = suppression_sync.sync()
    assert (again.learnt, again.told, again.taken_off) == (0, 0, 0)
    assert AuditEntry.objects.filter(action="suppression.synced").count() == 1


def test_bounces_and_complaints_are_told_and_nothing_else() -> None:
    for email, reason in (
        ("b@example.com", "bounce"),
        ("c@example.com", "complaint"),
        ("u@example.com", "unsubscribe"),
    ):
        suppression.suppress(email_key=bytes(person(email).email_key), reason=reason, source="test")
    suppression.suppress(email_key=email_key("nobody@example.com"), reason="bounce", source="test")
    assert suppression_sync.sync().told == 2
    assert there() == {"b@example.com": "BOUNCE", "c@example.com": "COMPLAINT"}


def test_what_was_lifted_here_since_is_taken_off_there() -> None:
    ses_list.put(installation.aws_connection(), email="Anna@Example.com", reason="BOUNCE")
    someone = person("anna@example.com")
    suppression_sync.sync()
    suppression.lift(
        suppression_id=Suppression.objects.get().pk, actor=None, because="the mailbox works again"
    )
    assert suppression_sync.sync().taken_off == 1
    assert there() == {}
    assert profiles.of(someone).reason == ""


def test_an_amazon_that_does_not_answer_is_said(settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    with pytest.raises(ses_list.SuppressionListUnreachable):
        suppression_sync.sync()
