"""Django's own mails take the same way out."""

import email
import email.policy

import pytest
from django.core import mail
from django.core.mail.backends.base import BaseEmailBackend

from campaigns.models import Call
from mailplatform.accounts.services import installation
from mailplatform.aws import errors
from mailplatform.sandbox.testing import RunningSandbox

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def backend() -> BaseEmailBackend:
    return mail.get_connection("campaigns.mail_backend.SesBackend")


def _message(backend: BaseEmailBackend, **changes: object) -> mail.EmailMessage:
    values = {
        "subject": "Reset “your” password",
        "body": "Follow the link.\n",
        "to": ["ada@example.com"],
        **changes,
    }
    return mail.EmailMessage(connection=backend, **values)  # type: ignore[arg-type]


def test_a_mail_leaves_from_the_installations_sender(
    sandbox: RunningSandbox, backend: BaseEmailBackend
) -> None:
    assert _message(backend).send() == 1
    (received,) = sandbox.messages()
    parsed = email.message_from_bytes(sandbox.raw(received["id"]), policy=email.policy.default)
    assert parsed["From"] == "Example News <news@example.com>"
    assert parsed["Subject"] == "Reset “your” password"
    assert parsed.get_content().strip() == "Follow the link."
    call = Call.objects.get()
    assert (call.kind, call.state, call.configuration_set) == ("account", "recorded", "mailplatform-none")


def test_each_recipient_gets_a_mail_of_their_own(sandbox: RunningSandbox, backend: BaseEmailBackend) -> None:
    _message(backend, to=["ada@example.com", "Bob <bob@example.com>"]).send()
    assert sorted(received["to"][0] for received in sandbox.messages()) == [
        "ada@example.com",
        "bob@example.com",
    ]


def test_a_failure_is_raised_unless_silent(sandbox: RunningSandbox, backend: BaseEmailBackend) -> None:
    installation.update(actor=None, sending_enabled=False)
    with pytest.raises(errors.RefusedCallError):
        _message(backend).send()
    quiet = mail.get_connection("campaigns.mail_backend.SesBackend", fail_silently=True)
    assert _message(quiet).send(fail_silently=True) == 0


def test_a_message_to_nobody_is_none(sandbox: RunningSandbox, backend: BaseEmailBackend) -> None:
    assert backend.send_messages([_message(backend, to=[])]) == 0
