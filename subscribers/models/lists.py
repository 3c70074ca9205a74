"""Mailing lists and who is on them."""

import uuid
from typing import ClassVar

from django.db import models

from mailplatform.core.models import TimestampedModel


class OptIn(models.TextChoices):
    """How a sign-up becomes confirmed."""

    SINGLE = "single", "Single opt-in"
    DOUBLE = "double", "Double opt-in"


class MailingList(TimestampedModel):
    """A topic that people may follow; public ones are shown on hosted pages."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120, unique=True)
    description = models.CharField(max_length=500, blank=True)
    is_public = models.BooleanField(default=False)
    opt_in = models.CharField(max_length=10, choices=OptIn.choices, default=OptIn.DOUBLE)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class SubscriptionState(models.TextChoices):
    """Where a person stands with a list."""

    PENDING = "pending", "Waiting for confirmation"
    CONFIRMED = "confirmed", "Confirmed"
    UNSUBSCRIBED = "unsubscribed", "Unsubscribed"


class Subscription(TimestampedModel):
    """One person on one list.

    `confirmation_id` is the consent record of the person's own act that confirmed it; the database refuses
    to confirm a suppressed person without one.
    """

    # Triggers hold both keys, a statement at a time; the two indexes below begin with one of them each.
    subscriber = models.ForeignKey(
        "Subscriber",
        on_delete=models.CASCADE,
        related_name="subscriptions",
        db_index=False,
        db_constraint=False,
    )
    mailing_list = models.ForeignKey(
        "MailingList",
        on_delete=models.CASCADE,
        related_name="subscriptions",
        db_index=False,
        db_constraint=False,
    )
    state = models.CharField(
        max_length=12, choices=SubscriptionState.choices, default=SubscriptionState.PENDING
    )
    confirmation_id = models.BigIntegerField(null=True, blank=True)
    source = models.CharField(max_length=100, blank=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    unsubscribed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("subscriber", "mailing_list"), name="one_subscription_per_list"),
        )
        indexes = (models.Index(fields=("mailing_list", "state", "subscriber"), name="subscription_members"),)

    def __str__(self) -> str:
        return f"{self.subscriber_id} on {self.mailing_list_id}: {self.state}"
