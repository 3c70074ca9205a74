"""A second person's word that a campaign may go out."""

from django.conf import settings
from django.db import models

from mailplatform.core.models import TimestampedModel


class Approval(TimestampedModel):
    """Who asked for an approval and who gave it.

    It holds only for the content whose `fingerprint` it names (`selectors.approvals`): every change of the campaign,
    its templates or its segments withdraws it by itself.
    """

    campaign = models.OneToOneField("Campaign", on_delete=models.CASCADE, related_name="approval")
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    requested_at = models.DateTimeField(null=True, blank=True)
    # When colleagues were told of the request.
    told_at = models.DateTimeField(null=True, blank=True)
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    approved_at = models.DateTimeField(null=True, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)

    def __str__(self) -> str:
        return f"approval of campaign {self.campaign_id}"
