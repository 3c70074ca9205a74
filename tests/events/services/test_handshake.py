"""The subscription is confirmed by a signed call, never by fetching the address in the message."""

import uuid
from typing import Any

import pytest

from events import envelope
from events.models import DeadLetter
from events.services import handshake
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from tests.fixtures.sns import chain as sns

pytestmark = pytest.mark.django_db


def message(kind: str, topic: str, token: str = "t") -> envelope.SnsMessage:
    return envelope.SnsMessage(kind, str(uuid.uuid4()), topic, "text", clock.now(), token, None)


def test_unsubscribe_confirmation_raises_the_alarm() -> None:
    handshake.answer(message("UnsubscribeConfirmation", sns.TOPIC), b"{}")
    assert "subscription was removed" in DeadLetter.objects.get().reason
    assert AuditEntry.objects.filter(action="sns.unsubscribed").exists()


@pytest.fixture
def sandbox(settings: Any, shared_sandbox: RunningSandbox) -> RunningSandbox:
    shared_sandbox.reset()
    settings.AWS_ENDPOINT_URLS = {"sesv2": shared_sandbox.url, "sns": shared_sandbox.url}
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = "sandbox", "sandbox-secret"
    installation.update(actor=None, region="eu-central-1")
    return shared_sandbox


def test_replayed_handshake_is_answered_and_changes_nothing() -> None:
    removed = message("UnsubscribeConfirmation", sns.TOPIC)
    handshake.answer(removed, b"{}")
    handshake.answer(removed, b"{}")
    assert DeadLetter.objects.count() == 1
    assert AuditEntry.objects.filter(action="sns.unsubscribed").count() == 1


def test_token_that_sns_refuses_is_shown_and_not_asked_for_again(sandbox: RunningSandbox) -> None:
    topic = sandbox.client("sns").create_topic(Name="events")["TopicArn"]
    handshake.answer(message("SubscriptionConfirmation", topic, "wrong"), b"{}")
    assert "does not take this confirmation" in DeadLetter.objects.get().reason
    assert not AuditEntry.objects.filter(action="sns.subscribed").exists()


def test_sns_out_of_reach_is_an_error_so_that_the_message_comes_again(settings: Any) -> None:
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:1", "sns": "http://127.0.0.1:1"}
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = "sandbox", "sandbox-secret"
    installation.update(actor=None, region="eu-central-1")
    with pytest.raises(Exception, match="connect"):
        handshake.answer(message("SubscriptionConfirmation", sns.TOPIC), b"{}")
    assert not DeadLetter.objects.exists()
