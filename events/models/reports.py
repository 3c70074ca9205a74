"""What is made of reports: mails at chosen moments, segments of the people behind a number, weeks of lists."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from mailplatform.core import clock
from mailplatform.core.models import TimestampedModel


class ReportPlan(TimestampedModel):
    """Who gets a campaign's report by mail, and how many `hours` after it was sent.

    The one without a campaign holds for every campaign that has none of its own.
    """

    campaign = models.ForeignKey("campaigns.Campaign", null=True, on_delete=models.CASCADE, related_name="+")
    hours = ArrayField(models.PositiveSmallIntegerField(), default=list)
    people = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="+")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("campaign",), nulls_distinct=False, name="one_report_plan"),
        )

    def __str__(self) -> str:
        return f"reports of campaign {self.campaign_id or 'any'} after {self.hours} hours"


class ReportMail(models.Model):
    """One report that went out, to so many `people`: claimed by whoever sends it, so that nobody gets it twice."""

    run = models.ForeignKey("campaigns.Run", on_delete=models.CASCADE, related_name="+")
    hours = models.PositiveSmallIntegerField()
    people = models.PositiveIntegerField(default=0)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("run", "hours"), name="one_report_per_moment"),)
        ordering: ClassVar[list[str]] = ["-at"]

    def __str__(self) -> str:
        return f"report of run {self.run_id} after {self.hours} hours"


class ReportGroup(TimestampedModel):
    """The people behind one number of a report, kept as the rule that found them (`selectors.people.Choice`).

    Segments name its id. `link` is the address of a link, `run_number` 0 a launch with its retries; where `reason`,
    `provider` or `device` is None, it narrows nothing.
    """

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    campaign = models.ForeignKey("campaigns.Campaign", on_delete=models.CASCADE, related_name="+")
    run_number = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=300)
    who = models.CharField(max_length=20)
    reason = models.CharField(max_length=200, null=True)  # noqa: DJ001 (empty is a reason of its own: none was given)
    link = models.TextField(blank=True)
    provider = models.CharField(max_length=60, null=True)  # noqa: DJ001 (empty is a provider of its own: the unknown one)
    mailing_list_id = models.BigIntegerField(default=0)
    device = models.CharField(max_length=20, null=True)  # noqa: DJ001 (empty is a kind of its own: the unknown one)
    machine = models.CharField(max_length=40, blank=True)

    def __str__(self) -> str:
        return self.name


class ListWeek(models.Model):
    """How one list grew in the week that begins on a Monday (UTC); the list 0 is everybody.

    `left` are those who said so, `bounced` those whose address proved dead.
    """

    pk = models.CompositePrimaryKey("mailing_list_id", "week")
    mailing_list_id = models.BigIntegerField()
    week = models.DateField()
    joined = models.IntegerField(default=0)
    left = models.IntegerField(default=0)
    bounced = models.IntegerField(default=0)
    counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"list {self.mailing_list_id}, week of {self.week}: +{self.joined}"
