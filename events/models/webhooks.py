"""Telling other systems what happened: where to, and what became of each message."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from mailplatform.core.models import TimestampedModel


class WebhookType(models.TextChoices):
    """The name of a message, and what it says. Each but the last follows from one type of event of a mail."""

    SENT = "mail.sent", "Amazon SES took the mail"
    DELIVERED = "mail.delivered", "The mailbox provider took the mail"
    DELAYED = "mail.delayed", "The delivery is delayed"
    BOUNCED = "mail.bounced", "The mail bounced for good"
    SOFT_BOUNCED = "mail.soft_bounced", "The mail bounced, which may pass"
    COMPLAINED = "mail.complained", "The person complained"
    REJECTED = "mail.rejected", "Amazon SES rejected the mail"
    UNRENDERED = "mail.rendering_failed", "The mail could not be rendered"
    OPENED = "mail.opened", "The person opened the mail (only with consent)"
    CLICKED = "mail.clicked", "The person followed a link (only with consent)"
    UNSUBSCRIBED = "person.unsubscribed", "The person unsubscribed through a campaign"
    SCHEDULED = "schedule.event", "A schedule at Amazon named an event"


class WebhookEndpoint(TimestampedModel):
    """An address that gets messages. Secrets are encrypted; after a rotation both sign until the old one expires."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    url = models.CharField(max_length=500)
    description = models.CharField(max_length=200, blank=True)
    types = ArrayField(models.CharField(max_length=30), default=list)
    secret = models.BinaryField()
    previous_secret = models.BinaryField(null=True)
    previous_expires_at = models.DateTimeField(null=True)
    is_active = models.BooleanField(default=True)
    active_since = models.DateTimeField()
    failing_since = models.DateTimeField(null=True)
    disabled_because = models.CharField(max_length=300, blank=True)
    told_at = models.DateTimeField(null=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        ordering = ("url", "pk")

    def __str__(self) -> str:
        return self.description or self.url


class WebhookState(models.TextChoices):
    """What became of one message to one endpoint."""

    PENDING = "pending", "Waiting"
    DELIVERED = "delivered", "Delivered"
    FAILED = "failed", "Given up"
    DROPPED = "dropped", "Not sent: consent was withdrawn, or the event is gone"


class WebhookDelivery(models.Model):
    """One message to one endpoint, naming its event by key; of a schedule's event the key is the trigger's number.

    The body is built anew at each try, from what may still be told then; `message_id` is the same on every try.
    """

    endpoint = models.ForeignKey(WebhookEndpoint, on_delete=models.CASCADE, related_name="deliveries")
    message_id = models.CharField(max_length=40)
    type = models.CharField(max_length=30)
    event_at = models.DateTimeField()
    event_identity = models.BinaryField(max_length=16)
    state = models.CharField(max_length=10, choices=WebhookState.choices, default=WebhookState.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    created_at = models.DateTimeField()
    tried_at = models.DateTimeField(null=True)
    status = models.PositiveSmallIntegerField(null=True)
    milliseconds = models.PositiveIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("endpoint", "message_id"), name="one_message_per_endpoint"),
        )
        indexes = (
            models.Index(
                fields=("endpoint", "next_at"), condition=models.Q(state="pending"), name="webhook_due"
            ),
            models.Index(fields=("endpoint", "-id"), name="webhook_log"),
            models.Index(fields=("created_at",), name="webhook_old"),
        )

    def __str__(self) -> str:
        return f"{self.message_id}: {self.type}"
