"""What was seen of sending domains, and who stopped reading."""

from django.db import models


class DomainLook(models.Model):
    """The last look at one sending domain: `checks` as `events.sender_dns.Check`, `error` where Amazon did not tell."""

    domain = models.CharField(max_length=254, primary_key=True)
    at = models.DateTimeField()
    is_verified = models.BooleanField(default=False)
    checks = models.JSONField(default=list)
    # Alignment of its DMARC policy: {"policy", "is_spf_strict", "is_dkim_strict", "has_reports"}; empty without one.
    dmarc = models.JSONField(default=dict)
    error = models.CharField(max_length=500, blank=True)

    def __str__(self) -> str:
        return self.domain


class SunsetStage(models.IntegerChoices):
    """How far the sunset policy is with somebody."""

    TO_ASK = 1, "to be asked"
    ASKED = 2, "asked, no answer yet"
    KEPT_BACK = 3, "kept back, because they did not answer"


class Sunset(models.Model):
    """Somebody who, with their consent to be counted, neither opened nor clicked `mails` mails for the policy's months.

    The row goes when they react, withdraw that consent, or get mail again; see `events.services.sunset`.
    """

    subscriber_id = models.BigIntegerField(primary_key=True)
    stage = models.SmallIntegerField(choices=SunsetStage.choices, default=SunsetStage.TO_ASK)
    mails = models.IntegerField()
    judged_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)

    class Meta:
        indexes = (models.Index(fields=("stage", "subscriber_id"), name="sunset_by_stage"),)

    def __str__(self) -> str:
        return f"{self.subscriber_id}: {self.get_stage_display()}"
