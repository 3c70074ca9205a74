"""Addresses that must not be written to, whatever else is known of them."""

from django.db import models

from mailplatform.core import clock


class SuppressionReason(models.TextChoices):
    """Why an address is suppressed; `COMPLAINT` and `UNSUBSCRIBE` only the person can lift."""

    BOUNCE = "bounce", "Hard bounce"
    COMPLAINT = "complaint", "Complaint"
    UNSUBSCRIBE = "unsubscribe", "Unsubscribed from all mail"
    MANUAL = "manual", "Blocked by hand"
    ERASED = "erased", "Erased on request"
    UNREACHABLE = "unreachable", "Could not be reached several times"
    MERGED = "merged", "Merged with another person"
    INACTIVE = "inactive", "Did not react for a long time"
    RESTRICTED = "restricted", "Processing restricted on request"


class Suppression(models.Model):
    """One reason for one keyed hash; it outlives the erasure of the person. Lifted rows stay as history."""

    email_key = models.BinaryField(max_length=32)
    reason = models.CharField(max_length=12, choices=SuppressionReason.choices)
    source = models.CharField(max_length=200, blank=True)
    detail = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(default=clock.now)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("email_key", "reason"),
                condition=models.Q(lifted_at=None),
                name="one_live_suppression",
            ),
        )

    def __str__(self) -> str:
        return f"{self.reason} since {self.created_at:%Y-%m-%d}"
