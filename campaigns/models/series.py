"""Campaigns that repeat."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from mailplatform.core.models import TimestampedModel


class Frequency(models.TextChoices):
    """How often a campaign repeats."""

    DAILY = "daily", "Every day"
    WEEKLY = "weekly", "Every week"
    MONTHLY = "monthly", "Every month"


class Series(TimestampedModel):
    """When copies of a draft go out: at the wall time `at` in `zone`, by `campaigns.recurrence`.

    `weekdays` counts from 0, Monday; a `month_day` that a month does not have means its last day. `last_fingerprint`
    is that of the content which went out last. `next_at` is None while it is not active.
    """

    campaign = models.OneToOneField("Campaign", on_delete=models.CASCADE, related_name="series")
    frequency = models.CharField(max_length=8, choices=Frequency.choices)
    weekdays = ArrayField(models.SmallIntegerField(), default=list, blank=True)
    month_day = models.SmallIntegerField(default=1)
    at = models.TimeField()
    zone = models.CharField(max_length=64)
    send_unchanged = models.BooleanField(default=False)
    active = models.BooleanField(default=True)
    next_at = models.DateTimeField(null=True, blank=True, db_index=True)
    last_fingerprint = models.CharField(max_length=64, blank=True)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        verbose_name_plural = "series"

    def __str__(self) -> str:
        return f"{self.get_frequency_display()}: campaign {self.campaign_id}"


class Skipped(models.TextChoices):
    """Why an occurrence sent nothing."""

    NOTHING_NEW = "nothing_new", "Nothing had changed since the last one"
    STILL_RUNNING = "still_running", "The one before was not finished"
    TOO_LATE = "too_late", "The system was down at its time"
    NOT_APPROVED = "not_approved", "Nobody else had approved it"
    BY_HAND = "by_hand", "Skipped by hand"


class Occurrence(models.Model):
    """One time at which a series was due: the campaign that it made, or why it made none."""

    series = models.ForeignKey("Series", on_delete=models.CASCADE, related_name="occurrences")
    due_at = models.DateTimeField()
    campaign = models.OneToOneField(
        "Campaign", null=True, blank=True, on_delete=models.CASCADE, related_name="occurrence"
    )
    skipped = models.CharField(max_length=13, choices=Skipped.choices, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("series", "due_at"), name="one_occurrence_per_time"),)
        ordering: ClassVar[list[str]] = ["-due_at"]

    def __str__(self) -> str:
        return f"{self.series_id} at {self.due_at:%Y-%m-%d %H:%M}"
