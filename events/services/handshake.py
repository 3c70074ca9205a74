"""The two messages of SNS that are about the subscription itself."""

from uuid import UUID

import structlog
from django.db import transaction

from events.envelope import SnsMessage
from events.models import DeadLetter, InboundMessage
from mailplatform.accounts.services import audit, installation
from mailplatform.aws import sns
from mailplatform.core import clock

log = structlog.get_logger(__name__)
GONE = "SNS says that our subscription was removed: no events will come until it is made again"


def answer(message: SnsMessage, body: bytes) -> None:
    """Confirm our own subscription, or raise the alarm when it was removed.

    `message` is verified and of one of our topics. The confirmation is a signed call of the API with the token; the
    address in the message is never fetched. A message that was handled before changes nothing, so a replayed one
    is answered like a repeated one. A token that SNS refuses for good becomes a dead letter with the reason. Raises
    whatever else the call raises; SNS then sends the message again.
    """
    if _is_known(message):
        return
    if message.type == "SubscriptionConfirmation":
        _confirm(message, body)
        return
    log.error("sns_subscription_removed", topic=message.topic_arn)
    with transaction.atomic():
        _remember(message)
        audit.record(actor=None, action="sns.unsubscribed", detail={"topic": message.topic_arn})
        _bury(message, body, GONE)


def _confirm(message: SnsMessage, body: bytes) -> None:
    aws = installation.aws_connection()
    try:
        arn = sns.confirm_subscription(aws, topic_arn=message.topic_arn, token=message.token)
    except sns.TokenRefused as error:
        log.error("sns_token_refused", topic=message.topic_arn, reason=str(error))  # noqa: TRY400 - the reason is all
        with transaction.atomic():
            _remember(message)
            _bury(message, body, f"SNS does not take this confirmation (any more): {error}")
        return
    with transaction.atomic():
        _remember(message)
        audit.record(
            actor=None, action="sns.subscribed", detail={"topic": message.topic_arn, "subscription": arn}
        )


def _bury(message: SnsMessage, body: bytes, reason: str) -> None:
    DeadLetter.objects.create(reason=reason[:300], body=body, message_id=message.message_id[:100])


def _is_known(message: SnsMessage) -> bool:
    return InboundMessage.objects.filter(
        timestamp=message.timestamp, message_id=UUID(message.message_id)
    ).exists()


def _remember(message: SnsMessage) -> None:
    row = InboundMessage(
        timestamp=message.timestamp,
        message_id=UUID(message.message_id),
        kind="handshake",
        received_at=clock.now(),
    )
    InboundMessage.objects.bulk_create([row], ignore_conflicts=True)
