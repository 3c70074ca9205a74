"""The ledger of sends: batches, calls and one delivery per recipient.

Hot tables: no foreign keys, written by COPY, deliveries partitioned by run.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from mailplatform.core import clock


class BatchState(models.TextChoices):
    """Where a batch is."""

    WAITING = "waiting", "Waiting"
    CLAIMED = "claimed", "Claimed"
    DONE = "done", "Done"


class Batch(models.Model):
    """About 500 ids of one audience, each id of it in exactly one first batch. `cursor` people are cut already.

    `local_at` is the instant of their own local time, where each person gets it at that; a batch of those who are
    tried again keeps it. A batch with `resend` names people who hold an `unresolved` delivery that somebody decided to
    send again.
    """

    run_id = models.BigIntegerField()
    number = models.IntegerField()
    attempt = models.SmallIntegerField(default=1)
    state = models.CharField(max_length=8, choices=BatchState.choices, default=BatchState.WAITING)
    subscriber_ids = ArrayField(models.BigIntegerField())
    count = models.IntegerField()
    cursor = models.IntegerField(default=0)
    template_version_id = models.BigIntegerField()
    sender_id = models.BigIntegerField()
    not_before = models.DateTimeField(null=True)
    local_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    resend = models.BooleanField(default=False, db_default=False)
    language = models.CharField(max_length=10, blank=True, default="", db_default="")

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("run_id", "number"), name="one_batch_per_number"),
            models.CheckConstraint(
                condition=models.Q(cursor__gte=0, cursor__lte=models.F("count")), name="batch_cursor_in_range"
            ),
        )
        indexes = (
            models.Index(fields=("run_id", "number"), condition=~models.Q(state="done"), name="batch_open"),
        )

    def __str__(self) -> str:
        return f"batch {self.number} of run {self.run_id}"


class CallKind(models.TextChoices):
    """What a call to SES carried."""

    CAMPAIGN = "campaign", "Campaign"
    TEST = "test", "Test mail"
    ACCOUNT = "account", "Mail about a user account"
    HOSTED = "hosted", "Mail that a reader asked for on a page"


class CallState(models.TextChoices):
    """What is known of a call."""

    IN_FLIGHT = "in_flight", "In flight"
    RECORDED = "recorded", "Recorded"
    LOST = "lost", "Answer lost"


class Call(models.Model):
    """One call to SES and the people in it, written before the socket is touched.

    `opens` and `clicks` say what may be counted of these people, whoever counts it. `taken` is how many of them SES
    may have taken, once its answer is recorded.
    """

    run_id = models.BigIntegerField(null=True)
    batch_id = models.BigIntegerField(null=True)
    kind = models.CharField(max_length=8, choices=CallKind.choices, default=CallKind.CAMPAIGN)
    state = models.CharField(max_length=9, choices=CallState.choices, default=CallState.IN_FLIGHT)
    subscriber_ids = ArrayField(models.BigIntegerField(), default=list)
    configuration_set = models.CharField(max_length=64)
    opens = models.BooleanField(default=False, db_default=False)
    clicks = models.BooleanField(default=False, db_default=False)
    lease_token = models.UUIDField(default=uuid.uuid4)
    lease_until = models.DateTimeField()
    started_at = models.DateTimeField(default=clock.now)
    finished_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)
    taken = models.SmallIntegerField(null=True)

    class Meta:
        indexes = (
            models.Index(
                fields=("lease_until",), condition=models.Q(state="in_flight"), name="call_in_flight"
            ),
            models.Index(fields=("run_id", "id"), name="call_by_run"),
            BrinIndex(fields=("started_at",), name="call_by_time", autosummarize=True, pages_per_range=16),
        )

    def __str__(self) -> str:
        return f"call {self.pk} of run {self.run_id}"


class DeliveryState(models.TextChoices):
    """The four ends of one person in one run: audience = the sum of all four."""

    ACCEPTED = "accepted", "Accepted by Amazon SES"
    FAILED = "failed", "Failed"
    SKIPPED = "skipped", "Skipped"
    UNRESOLVED = "unresolved", "Unresolved"


class Delivery(models.Model):
    """What became of one person in one run. Insert-only on the normal path."""

    pk = models.CompositePrimaryKey("run_id", "subscriber_id")
    run_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    state = models.CharField(max_length=10, choices=DeliveryState.choices)
    reason = models.CharField(max_length=40, blank=True)
    message_id = models.CharField(max_length=100, blank=True)
    call_id = models.BigIntegerField(null=True)
    batch_id = models.BigIntegerField(null=True)
    attempt = models.SmallIntegerField(default=1)
    variant = models.SmallIntegerField(default=0)
    opens_tracked = models.BooleanField(default=False)
    clicks_tracked = models.BooleanField(default=False)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.run_id}/{self.subscriber_id}: {self.state}"


class DecisionAction(models.TextChoices):
    """What was decided about people of whom nobody knows whether Amazon SES took their mail."""

    RESEND = "resend", "Send again"
    ASSUME_SENT = "assume_sent", "Count as sent"
    ASSUME_LOST = "assume_lost", "Count as failed"


class Decision(models.Model):
    """One decision about unresolved people of a run, with the figures it rests on. Never changed afterwards.

    `decided_by` is the user's id, or null where the platform re-sent by itself on proof.
    """

    run_id = models.BigIntegerField(db_index=True)
    subscriber_ids = ArrayField(models.BigIntegerField())
    action = models.CharField(max_length=11, choices=DecisionAction.choices)
    decided_by = models.BigIntegerField(null=True)
    figures = models.JSONField(default=dict)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{self.action} for {len(self.subscriber_ids)} of run {self.run_id}"
