"""The subscription is confirmed by a signed call, never by fetching the address in the message."""

from typing import Any

import pytest

from events import envelope
from events.models import DeadLetter
from events.services import handshake
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.sandbox.testing import running_sandbox
from tests.fixtures.sns import chain as sns

pytestmark = pytest.mark.django_db


def message(kind: str, topic: str, token: str = "t") -> envelope.SnsMessage:
    return envelope.SnsMessage(kind, "m", topic, "text", sns.STORED_AT, token, None)


def test_unsubscribe_confirmation_raises_the_alarm() -> None:
    handshake.answer(message("UnsubscribeConfirmation", sns.TOPIC), b"{}")
    assert "subscription was removed" in DeadLetter.objects.get().reason
    assert AuditEntry.objects.filter(action="sns.unsubscribed").exists()


def test_unknown_token_is_an_error_so_that_sns_asks_again(settings: Any) -> None:
    with running_sandbox() as sandbox:
        settings.AWS_ENDPOINT_URLS = {"sesv2": sandbox.url, "sns": sandbox.url}
        settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = "sandbox", "sandbox-secret"
        installation.update(actor=None, region="eu-central-1")
        topic = sandbox.client("sns").create_topic(Name="events")["TopicArn"]
        with pytest.raises(Exception, match=r"[Tt]oken"):
            handshake.answer(message("SubscriptionConfirmation", topic, "wrong"), b"{}")
    assert not AuditEntry.objects.filter(action="sns.subscribed").exists()
