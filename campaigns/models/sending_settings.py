"""How this installation sends, as far as an administrator decides it."""

from decimal import Decimal
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from mailplatform.core.models import TimestampedModel

LONGEST_GRACE_S = 600
LONGEST_LATE_MINUTES = 7 * 24 * 60
_PRICE: Any = {"validators": [MinValueValidator(0)]}


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

    # A second person has to approve a campaign before it is sent.
    approval_needed = models.BooleanField(default=False)
    # What Amazon charges, in one currency; at first what it listed for most Regions when this was written.
    currency = models.CharField(max_length=3, default="USD")
    price_per_thousand = models.DecimalField(
        max_digits=10, decimal_places=4, default=Decimal("0.10"), **_PRICE
    )
    price_per_gigabyte = models.DecimalField(
        max_digits=10, decimal_places=4, default=Decimal("0.12"), **_PRICE
    )
    price_of_options = models.DecimalField(max_digits=10, decimal_places=4, default=Decimal(0), **_PRICE)
    price_per_thousand_events = models.DecimalField(
        max_digits=10, decimal_places=4, default=Decimal(0), **_PRICE
    )

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
