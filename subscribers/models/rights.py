"""What people ask for under GDPR Art. 15 to 21, what was done about it, and for how long data are kept."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from mailplatform.core import clock
from mailplatform.core.models import TimestampedModel


class RightsKind(models.TextChoices):
    """What a person asks for."""

    ACCESS = "access", "Access to their data (Art. 15)"
    PORTABILITY = "portability", "Their data to take along (Art. 20)"
    RECTIFICATION = "rectification", "Correction (Art. 16)"
    RESTRICTION = "restriction", "Restriction (Art. 18)"
    OBJECTION = "objection", "Objection to marketing (Art. 21)"
    ERASURE = "erasure", "Erasure (Art. 17)"


class RightsState(models.TextChoices):
    """Where a request stands."""

    OPEN = "open", "Open"
    DONE = "done", "Done"
    REFUSED = "refused", "Refused"


class RightsCase(TimestampedModel):
    """One request of one person. `email` is emptied when they are erased; `email_key` stays.

    `due_on` is the last day of the deadline (Art. 12(3)): a month after it came, two more once extended.
    """

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=13, choices=RightsKind.choices)
    state = models.CharField(max_length=7, choices=RightsState.choices, default=RightsState.OPEN)
    email = models.CharField(max_length=254, blank=True)
    email_key = models.BinaryField(max_length=32)
    received_on = models.DateField()
    due_on = models.DateField()
    extended_at = models.DateTimeField(null=True, blank=True)
    extension_reason = models.CharField(max_length=500, blank=True)
    outcome = models.CharField(max_length=1000, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        ordering = ("due_on", "id")
        indexes = (
            models.Index(fields=("state", "due_on", "id"), name="rights_by_deadline"),
            models.Index(fields=("email_key",), name="rights_by_key"),
        )

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.received_on}"

    @property
    def is_late(self) -> bool:
        """Whether the deadline is over and nothing was decided."""
        return self.state == RightsState.OPEN and clock.now().date() > self.due_on


class RightsStep(models.Model):
    """One line of a case's log: who did what. Never changed; `detail` holds figures and hashes, no addresses."""

    case = models.ForeignKey("RightsCase", on_delete=models.CASCADE, related_name="steps")
    at = models.DateTimeField(default=clock.now)
    actor_label = models.CharField(max_length=254, default="system")
    action = models.CharField(max_length=20)
    text = models.CharField(max_length=1000, blank=True)
    detail = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["id"]

    def __str__(self) -> str:
        return f"{self.action} {self.at:%Y-%m-%d}"

    @property
    def words(self) -> str:
        """What was done, as the log shows it."""
        return self.action.replace("_", " ").capitalize()


class RetentionRule(models.Model):
    """For how many months a class of data is kept; without a row its default holds, null keeps for ever."""

    key = models.CharField(max_length=20, primary_key=True)
    months = models.PositiveSmallIntegerField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.key}: {self.months}"


class RetentionRun(models.Model):
    """What a rule did on one day: how many it touched, how far back, and what went wrong."""

    key = models.CharField(max_length=20)
    before = models.DateTimeField()
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True, blank=True)
    touched = models.IntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering = ("-started_at", "-id")
        indexes = (models.Index(fields=("-started_at", "-id"), name="retention_newest"),)

    def __str__(self) -> str:
        return f"{self.key}: {self.touched}"
