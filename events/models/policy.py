"""What the installation does about bounces, complaints and addresses that do not answer, and what it did."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from mailplatform.core.models import TimestampedModel

_SHARE = (MinValueValidator(0.0001), MaxValueValidator(1))
_NUMBER = (MinValueValidator(1), MaxValueValidator(1_000_000))


class Policy(TimestampedModel):
    """Limits that an administrator edits, always row 1. Rates are parts of one; the defaults follow SES's limits."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    bounce_rate = models.FloatField(default=0.05, validators=_SHARE)
    bounces = models.PositiveIntegerField(default=20, validators=_NUMBER)
    complaint_rate = models.FloatField(default=0.001, validators=_SHARE)
    complaints = models.PositiveIntegerField(default=5, validators=_NUMBER)
    accepted = models.PositiveIntegerField(default=1_000, validators=_NUMBER)
    rendering_rate = models.FloatField(default=0.02, validators=_SHARE)
    rendering_failures = models.PositiveIntegerField(default=20, validators=_NUMBER)
    soft_bounces_count = models.BooleanField(default=True)
    soft_bounces = models.PositiveSmallIntegerField(
        default=4, validators=(MinValueValidator(2), MaxValueValidator(50))
    )
    soft_bounce_days = models.PositiveSmallIntegerField(
        default=30, validators=(MinValueValidator(1), MaxValueValidator(365))
    )

    # Who stopped reading: asked once after so many months and mails, then kept back, where that is chosen.
    sunset_is_on = models.BooleanField(default=False)
    sunset_months = models.PositiveSmallIntegerField(
        default=12, validators=(MinValueValidator(3), MaxValueValidator(60))
    )
    sunset_mails = models.PositiveSmallIntegerField(
        default=10, validators=(MinValueValidator(3), MaxValueValidator(1_000))
    )
    sunset_stops = models.BooleanField(default=False)
    sunset_answer_days = models.PositiveSmallIntegerField(
        default=30, validators=(MinValueValidator(7), MaxValueValidator(365))
    )
    # The segment of those who are to be asked; a campaign that was sent to it asks them.
    sunset_segment = models.ForeignKey(
        "subscribers.Segment", null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="policy_is_one_row"),)

    def __str__(self) -> str:
        return "Policy"


class StopCause(models.TextChoices):
    """What made a run stop."""

    BOUNCES = "bounces", "Too many bounces"
    COMPLAINTS = "complaints", "Too many complaints"
    RENDERING = "rendering", "Too many mails could not be rendered"


class SafetyStop(models.Model):
    """One time the safety stop paused a run, with its evidence.

    `baseline` is what was known when a person resumed the run: (provider → accepted, bounced, complained, unrendered).
    Only what comes on top of it counts from then on.
    """

    run_id = models.BigIntegerField(db_index=True)
    at = models.DateTimeField()
    cause = models.CharField(max_length=12, choices=StopCause.choices)
    provider = models.CharField(max_length=60, blank=True)
    reason = models.CharField(max_length=500)
    accepted = models.IntegerField()
    hits = models.IntegerField()
    baseline = models.JSONField(null=True)
    resumed_at = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.reason


class Cursor(models.Model):
    """How far a job has read the events, by the time at which we received them."""

    name = models.CharField(max_length=30, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.at}"


class Digest(models.Model):
    """The breakdowns of a run's report, as they were at `at`: see `events.selectors.breakdown`.

    `is_stale` says that something was heard of the run since; `figures` is empty before the first time.
    """

    run_id = models.BigIntegerField(primary_key=True)
    at = models.DateTimeField()
    figures = models.JSONField()
    is_stale = models.BooleanField(default=False, db_index=True)

    def __str__(self) -> str:
        return f"run {self.run_id} at {self.at}"
