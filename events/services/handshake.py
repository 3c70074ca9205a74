"""The two messages of SNS that are about the subscription itself."""

import structlog

from events.envelope import SnsMessage
from events.models import DeadLetter
from mailplatform.accounts.services import audit, installation
from mailplatform.aws import sns

log = structlog.get_logger(__name__)


def answer(message: SnsMessage, body: bytes) -> None:
    """Confirm our own subscription, or raise the alarm when it was removed.

    `message` is verified and of one of our topics. The confirmation is a signed call of the API with the token; the
    address in the message is never fetched. Raises whatever the call raises; SNS then sends the message again.
    """
    if message.type == "SubscriptionConfirmation":
        arn = sns.confirm_subscription(
            installation.aws_connection(), topic_arn=message.topic_arn, token=message.token
        )
        audit.record(
            actor=None, action="sns.subscribed", detail={"topic": message.topic_arn, "subscription": arn}
        )
        return
    log.error("sns_subscription_removed", topic=message.topic_arn)
    audit.record(actor=None, action="sns.unsubscribed", detail={"topic": message.topic_arn})
    DeadLetter.objects.create(
        reason="SNS says that our subscription was removed: no events will come until it is made again",
        body=body,
        message_id=message.message_id[:100],
    )
