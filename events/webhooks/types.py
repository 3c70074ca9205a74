"""Which event becomes which message. Pure."""

from typing import Final

from events.models import EventType, WebhookType

TYPES: Final = {
    EventType.SEND: WebhookType.SENT,
    EventType.DELIVERY: WebhookType.DELIVERED,
    EventType.DELIVERY_DELAY: WebhookType.DELAYED,
    EventType.BOUNCE: WebhookType.BOUNCED,
    EventType.SOFT_BOUNCE: WebhookType.SOFT_BOUNCED,
    EventType.COMPLAINT: WebhookType.COMPLAINED,
    EventType.REJECT: WebhookType.REJECTED,
    EventType.RENDERING_FAILURE: WebhookType.UNRENDERED,
    EventType.OPEN: WebhookType.OPENED,
    EventType.CLICK: WebhookType.CLICKED,
    EventType.UNSUBSCRIBE: WebhookType.UNSUBSCRIBED,
}
ENGAGEMENT: Final = {WebhookType.OPENED.value, WebhookType.CLICKED.value}
TEST: Final = "webhook.test"
