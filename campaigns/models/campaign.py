"""Campaigns and their senders."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from mailplatform.core.models import TimestampedModel


class Sender(TimestampedModel):
    """A From: name, address and reply address."""

    name = models.CharField(max_length=100, blank=True)
    address = models.EmailField()
    reply_to = models.EmailField(blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("address", "name"), name="one_sender_per_name"),)
        ordering: ClassVar[list[str]] = ["address", "name"]

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>" if self.name else self.address


class CampaignKind(models.TextChoices):
    """On what basis a campaign goes out; it decides who may get it."""

    MARKETING = "marketing", "Marketing (consent or existing customer)"
    CONTRACT = "contract", "Contract, Art. 6(1)(b)"
    SERVICE = "service", "Service or security notice, Art. 6(1)(f)"


class CampaignState(models.TextChoices):
    """How far a campaign is. `campaigns.services` holds the allowed moves."""

    DRAFT = "draft", "Draft"
    SCHEDULED = "scheduled", "Scheduled"
    PREPARING = "preparing", "Preparing"
    SENDING = "sending", "Sending"
    PAUSED = "paused", "Paused"
    SENT = "sent", "Sent"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


class Campaign(TimestampedModel):
    """One mailing: audience, sender, content and time. `revision` grows with each save (optimistic lock).

    `scheduled_at` is the chosen wall time in `schedule_zone`. With `local_time` each person gets the mail when that
    wall time comes in their own zone, and `local_start_at` is when the first of these zones reaches it.
    `missed_at` is when a scheduled campaign was found too late to start by itself: it waits for a person then.
    `utm` holds what `campaigns.utm` puts on links, by the last word of each parameter ("source"); without a source
    links stay as they are. With `in_archive` anybody may read a neutral copy once it was sent.
    """

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=10, choices=CampaignKind.choices, default=CampaignKind.MARKETING)
    state = models.CharField(max_length=10, choices=CampaignState.choices, default=CampaignState.DRAFT)
    lists = models.ManyToManyField("subscribers.MailingList", blank=True, related_name="campaigns")
    segments = models.ManyToManyField("subscribers.Segment", blank=True, related_name="campaigns")
    excluded_lists = models.ManyToManyField("subscribers.MailingList", blank=True, related_name="+")
    excluded_segments = models.ManyToManyField("subscribers.Segment", blank=True, related_name="+")
    template = models.ForeignKey("Template", null=True, blank=True, on_delete=models.PROTECT)
    subject = models.CharField(max_length=250, blank=True)
    preheader = models.CharField(max_length=250, blank=True)
    variables = models.JSONField(default=dict, blank=True)
    sender = models.ForeignKey("Sender", null=True, blank=True, on_delete=models.PROTECT)
    track_opens = models.BooleanField(default=False)
    track_clicks = models.BooleanField(default=False)
    scheduled_at = models.DateTimeField(null=True, blank=True)
    schedule_zone = models.CharField(max_length=64, blank=True)
    local_time = models.BooleanField(default=False)
    local_start_at = models.DateTimeField(null=True, blank=True)
    missed_at = models.DateTimeField(null=True, blank=True)
    rate_limit = models.PositiveIntegerField(null=True, blank=True)
    steps_done = models.JSONField(default=dict, blank=True)
    revision = models.PositiveIntegerField(default=1)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    archived_at = models.DateTimeField(null=True, blank=True)
    tags = ArrayField(models.CharField(max_length=40), default=list, blank=True)
    utm = models.JSONField(default=dict, blank=True)
    in_archive = models.BooleanField(default=False)

    class Meta:
        ordering = ("-created_at",)
        indexes = (models.Index(fields=("state", "scheduled_at"), name="campaign_due"),)

    def __str__(self) -> str:
        return self.name


class Translation(models.Model):
    """What people of one language get instead of the campaign's own template. Empty texts are the template's."""

    campaign = models.ForeignKey("Campaign", on_delete=models.CASCADE, related_name="translations")
    language = models.CharField(max_length=10)
    template = models.ForeignKey("Template", on_delete=models.PROTECT, related_name="+")
    subject = models.CharField(max_length=250, blank=True)
    preheader = models.CharField(max_length=250, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("campaign", "language"), name="one_translation_per_language"),
        )
        ordering: ClassVar[list[str]] = ["language"]

    def __str__(self) -> str:
        return f"{self.campaign_id} in {self.language}"


class ScheduleTick(models.Model):
    """When the scheduler last looked for campaigns that are due; one row, so that a gap can be told."""

    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M:%S}"
