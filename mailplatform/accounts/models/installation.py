"""The one row that says how this installation is set up."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models

from mailplatform.core.models import TimestampedModel


class Carrier(models.TextChoices):
    """Who counts opens and clicks, of people who allowed it."""

    OWN = "own", "This site: a withdrawal also silences mail already sent"
    SES = "ses", "Amazon SES: mail already sent keeps its tracking links"


class Installation(TimestampedModel):
    """Settings that an administrator changes in the browser. Always row 1.

    `public_id` and `epoch` mark every mail that we send; a restore from a backup starts a new epoch.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    public_id = models.UUIDField(default=uuid.uuid4, editable=False)
    epoch = models.PositiveIntegerField(default=1, editable=False)

    company = models.CharField(max_length=200, blank=True)
    postal_address = models.TextField(blank=True)
    public_url = models.URLField(blank=True)
    time_zone = models.CharField(max_length=64, default="Europe/Berlin")
    language = models.CharField(max_length=10, default="en")

    region = models.CharField(max_length=30, default="eu-central-1")
    access_key_id = models.CharField(max_length=128, blank=True)
    secret_key_encrypted = models.BinaryField(null=True, blank=True, editable=False)

    sender_name = models.CharField(max_length=100, blank=True)
    sender_address = models.EmailField(blank=True)
    reply_to = models.EmailField(blank=True)

    track_opens = models.BooleanField(default=False)
    track_clicks = models.BooleanField(default=False)
    tracking_carrier = models.CharField(
        max_length=3, choices=Carrier.choices, default=Carrier.OWN, db_default=Carrier.OWN
    )
    ses_tracking_acknowledged_at = models.DateTimeField(null=True, blank=True)

    require_second_factor = models.BooleanField(default=False)

    # Written by provisioning.
    account_id = models.CharField(max_length=12, blank=True)
    configuration_set_prefix = models.CharField(max_length=40, default="mailplatform")
    topic_arns = ArrayField(models.CharField(max_length=300), default=list, blank=True)
    dead_letter_queue_url = models.CharField(max_length=300, blank=True)
    verified_identities = ArrayField(models.CharField(max_length=254), default=list, blank=True)
    provisioning = models.JSONField(default=dict, blank=True)

    # What an administrator chose for the Amazon account and nobody applied yet; written by its page.
    account_choices = models.JSONField(null=True, blank=True)

    # Written by the reading of the SES account.
    max_send_rate = models.FloatField(default=1.0)
    max_24_hour_send = models.FloatField(default=200.0)
    sent_last_24_hours = models.FloatField(default=0.0)
    production_access = models.BooleanField(default=False)
    sending_enabled = models.BooleanField(default=True)
    enforcement_status = models.CharField(max_length=20, blank=True)
    quota_read_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="installation_is_one_row"),)

    def __str__(self) -> str:
        return self.company or "Installation"

    @property
    def tag(self) -> str:
        """Return the value of the tag `mp-epoch` on every mail of this installation and epoch."""
        return f"{self.public_id.hex}-{self.epoch}"

    @property
    def tenant(self) -> str:
        """Return the tenant of SES that mail is sent through; empty where provisioning made none or removes it."""
        chosen = self.provisioning
        return "" if chosen.get("tenant_goes") else str(chosen.get("tenant") or "")
