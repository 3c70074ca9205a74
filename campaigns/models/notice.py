"""What a campaign's owner was told by mail."""

from django.contrib.postgres.fields import ArrayField
from django.db import models

from mailplatform.core.models import TimestampedModel


class CampaignNotice(TimestampedModel):
    """The last state of a campaign that its owner knows of; `once` names what is told one time only."""

    campaign = models.OneToOneField("Campaign", on_delete=models.CASCADE, related_name="notice")
    told = models.CharField(max_length=60)
    once = ArrayField(models.CharField(max_length=60), default=list, blank=True)

    def __str__(self) -> str:
        return f"told of campaign {self.campaign_id}: {self.told}"
