"""How this installation sends, as far as an administrator decides it."""

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from mailplatform.core.models import TimestampedModel

LONGEST_GRACE_S = 600
LONGEST_LATE_MINUTES = 7 * 24 * 60


class SendingSettings(TimestampedModel):
    """Always row 1. An empty warm-up plan, or one without a start, limits nothing."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    warm_up_started_on = models.DateField(null=True, blank=True)
    # Recipients per UTC day; behind its last day nothing is limited.
    warm_up_plan = ArrayField(models.PositiveIntegerField(), default=list, blank=True)
    # People whose answer was lost are sent to again without asking, once silence is proof.
    resend_by_itself = models.BooleanField(default=False)
    # A campaign that could not start on time starts by itself at most so late; after that it asks.
    late_start_minutes = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1), MaxValueValidator(LONGEST_LATE_MINUTES)]
    )
    # Between "Send" and the launch: the time to undo.
    grace_seconds = models.PositiveIntegerField(default=10, validators=[MaxValueValidator(LONGEST_GRACE_S)])

    class Meta:
        verbose_name_plural = "sending settings"
        constraints = (
            models.CheckConstraint(condition=models.Q(id=1), name="sending_settings_is_one_row"),
            models.CheckConstraint(
                condition=models.Q(grace_seconds__lte=LONGEST_GRACE_S), name="sending_grace_in_range"
            ),
            models.CheckConstraint(
                condition=models.Q(late_start_minutes__gte=1, late_start_minutes__lte=LONGEST_LATE_MINUTES),
                name="sending_lateness_in_range",
            ),
        )

    def __str__(self) -> str:
        return "Sending settings"
