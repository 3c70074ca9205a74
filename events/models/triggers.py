"""What schedules at Amazon told us to do, each once."""

from django.db import models

from mailplatform.core import clock


class Trigger(models.Model):
    """One firing of a rule: the copy of the campaign that it started, or why it did not; or the event it raised."""

    rule = models.CharField(max_length=20)
    scheduled_at = models.DateTimeField()
    received_at = models.DateTimeField(default=clock.now)
    campaign = models.ForeignKey("campaigns.Campaign", null=True, on_delete=models.SET_NULL, related_name="+")
    copy = models.ForeignKey("campaigns.Campaign", null=True, on_delete=models.SET_NULL, related_name="+")
    event = models.CharField(max_length=64, blank=True)
    refused = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("rule", "scheduled_at"), name="one_trigger_per_time"),)

    def __str__(self) -> str:
        return f"{self.rule} at {self.scheduled_at:%Y-%m-%d %H:%M}"
