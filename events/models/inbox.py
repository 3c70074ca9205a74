"""What arrived at our endpoint. Partitioned by month; no foreign keys; written by COPY or unnest."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from mailplatform.core import clock


class InboundMessage(models.Model):
    """The dedupe row of one SNS message: the signed timestamp and id are the same on every retry."""

    pk = models.CompositePrimaryKey("timestamp", "message_id")
    timestamp = models.DateTimeField()
    message_id = models.UUIDField()
    kind = models.CharField(max_length=20)
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return str(self.message_id)


class EventType(models.TextChoices):
    """What SES, or one of our own pages, reports. Others are kept as they came."""

    SEND = "send", "Sent"
    DELIVERY = "delivery", "Delivered"
    DELIVERY_DELAY = "delivery_delay", "Delayed"
    BOUNCE = "bounce", "Bounced"
    SOFT_BOUNCE = "soft_bounce", "Bounced (not permanent)"
    COMPLAINT = "complaint", "Complained"
    REJECT = "reject", "Rejected by Amazon SES"
    RENDERING_FAILURE = "rendering_failure", "Could not be rendered"
    OPEN = "open", "Opened"
    CLICK = "click", "Clicked"
    UNSUBSCRIBE = "unsubscribe", "Unsubscribed"
    SUBSCRIPTION = "subscription", "Subscription"
    UNKNOWN = "unknown", "Unknown"


class Event(models.Model):
    """One thing that happened, once. `identity` is the hash of what makes it the same event again.

    Opens and clicks are stored only for people who allowed it, without address, IP or user agent.
    """

    pk = models.CompositePrimaryKey("occurred_at", "identity")
    occurred_at = models.DateTimeField()
    identity = models.BinaryField(max_length=16)
    type = models.CharField(max_length=20, choices=EventType.choices)
    run_id = models.BigIntegerField(null=True)
    subscriber_id = models.BigIntegerField(null=True)
    message_id = models.CharField(max_length=100, blank=True)
    link_id = models.BigIntegerField(null=True)
    is_machine = models.BooleanField(default=False)
    machine_reason = models.CharField(max_length=40, blank=True)
    detail = models.JSONField(default=dict)
    received_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.type} at {self.occurred_at}"


class DeadLetter(models.Model):
    """A message that we could not take in, as bytes, with the reason; it can be replayed."""

    received_at = models.DateTimeField(default=clock.now, db_index=True)
    reason = models.CharField(max_length=300)
    body = models.BinaryField()
    message_id = models.CharField(max_length=100, blank=True)
    replayed_at = models.DateTimeField(null=True, blank=True)
    replay_error = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = (models.Index(fields=("message_id",), name="deadletter_by_message"),)

    def __str__(self) -> str:
        return self.reason


class Heartbeat(models.Model):
    """Proof that the endpoint was up in these ten seconds; a gap forbids to read silence as proof."""

    slot = models.DateTimeField(primary_key=True)
    accepted = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)

    def __str__(self) -> str:
        return str(self.slot)


class Retention(models.Model):
    """How long single events are kept, always row 1. Outcomes and counters stay; only the rows of events go."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    months = models.PositiveSmallIntegerField(
        default=24, validators=(MinValueValidator(3), MaxValueValidator(120))
    )

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="retention_is_one_row"),)

    def __str__(self) -> str:
        return f"{self.months} months"
