"""One launch of a campaign."""

import uuid

from django.conf import settings
from django.db import models

from mailplatform.core.models import TimestampedModel


class RunState(models.TextChoices):
    """How far a run is."""

    PREPARING = "preparing", "Preparing"
    SENDING = "sending", "Sending"
    PAUSED = "paused", "Paused"
    SENT = "sent", "Sent"
    CANCELLED = "cancelled", "Cancelled"
    FAILED = "failed", "Failed"


class PauseReason(models.TextChoices):
    """Who or what paused a run."""

    PERSON = "person", "Paused by a person"
    SAFETY_STOP = "safety_stop", "Paused by the safety stop"
    ACCOUNT = "account", "Paused because Amazon SES refuses to send"
    QUOTA = "quota", "Waiting for the daily quota"
    WARM_UP = "warm_up", "Waiting for tomorrow's step of the warm-up"
    RESTORED = "restored", "Paused because the database was restored"
    LATE = "late", "Paused because the chosen hour is past"


class RunPurpose(models.TextChoices):
    """Why a run exists."""

    LAUNCH = "launch", "Launch"
    FAILED = "failed", "Another try for those who failed"
    SIGNUP = "signup", "Welcome after signing up"


class Run(TimestampedModel):
    """Freezes what a launch sends: deliveries are keyed (run, subscriber).

    `frozen` holds what the workers need and nobody may change afterwards: kind, sender, subject, variables,
    tracking, the lists the run was sent to and whether a segment chose the audience. A run for those who
    failed names the run in which they did as its `source_run`. `attended_at` is when it last went on: a worker could
    send for it, or somebody resumed it; kept where each person gets it at their own local time.
    """

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey("Campaign", on_delete=models.PROTECT, related_name="runs")
    number = models.PositiveIntegerField(default=1)
    purpose = models.CharField(
        max_length=6, choices=RunPurpose.choices, default=RunPurpose.LAUNCH, db_default=RunPurpose.LAUNCH
    )
    source_run = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="retries"
    )
    state = models.CharField(max_length=10, choices=RunState.choices, default=RunState.PREPARING)
    template_version = models.ForeignKey("TemplateVersion", on_delete=models.PROTECT, related_name="runs")
    frozen = models.JSONField(default=dict)
    audience = models.IntegerField(null=True)
    batches = models.IntegerField(default=0)
    not_before = models.DateTimeField(null=True, blank=True)
    paused_by = models.CharField(max_length=12, choices=PauseReason.choices, blank=True)
    pause_reason = models.CharField(max_length=500, blank=True)
    launched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL
    )
    launched_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    attended_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("campaign", "number"), name="one_run_per_number"),
            models.UniqueConstraint(
                fields=("source_run",),
                condition=models.Q(purpose="failed") & ~models.Q(state="failed"),
                name="one_retry_per_run",
            ),
        )
        # Who wants less mail is looked up in the runs of the last weeks.
        indexes = (models.Index(fields=("finished_at",), name="campaigns_run_finished"),)
        ordering = ("-launched_at",)

    def __str__(self) -> str:
        return f"{self.campaign} run {self.number}"
