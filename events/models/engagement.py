"""What the events add up to."""

from django.db import models


class OutcomeState(models.IntegerChoices):
    """How far one mail came; only ever grows."""

    SENT = 10, "Accepted"
    DELAYED = 20, "Delayed"
    DELIVERED = 30, "Delivered"
    SOFT_BOUNCED = 40, "Bounced (not permanent)"
    RENDERING_FAILED = 50, "Could not be rendered"
    REJECTED = 60, "Rejected"
    BOUNCED = 70, "Bounced"
    COMPLAINED = 80, "Complained"


class Outcome(models.Model):
    """The sum of what is known of one person in one run. Needs no delivery row, so events may come first."""

    pk = models.CompositePrimaryKey("run_id", "subscriber_id")
    run_id = models.BigIntegerField()
    subscriber_id = models.BigIntegerField()
    state = models.SmallIntegerField(choices=OutcomeState.choices, default=OutcomeState.SENT)
    # When the state was reached; NULL where nothing is known but that the person left.
    state_at = models.DateTimeField(null=True)
    reason = models.CharField(max_length=80, blank=True)
    message_id = models.CharField(max_length=100, blank=True)
    provider = models.CharField(max_length=60, blank=True)
    delivered_at = models.DateTimeField(null=True)
    bounced_at = models.DateTimeField(null=True)
    complained_at = models.DateTimeField(null=True)
    opened_at = models.DateTimeField(null=True)
    machine_opened_at = models.DateTimeField(null=True)
    clicked_at = models.DateTimeField(null=True)
    machine_clicked_at = models.DateTimeField(null=True)
    unsubscribed_at = models.DateTimeField(null=True)
    settled = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"{self.run_id}/{self.subscriber_id}: {self.state}"


class Link(models.Model):
    """A link of a run's mail, as the recipient's own data left it out."""

    run_id = models.BigIntegerField()
    url_hash = models.BinaryField(max_length=16)
    url = models.TextField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("run_id", "url_hash"), name="one_link_per_run"),)

    def __str__(self) -> str:
        return self.url


class Counter(models.Model):
    """How many events, and people for the first time, per run, hour, type, link and class.

    `type` is an `EventType`, or `open_untracked` and `click_untracked` for what people without that
    consent caused: a number and nothing else. `link_id` is 0 where there is none.
    """

    pk = models.CompositePrimaryKey("run_id", "hour", "type", "link_id", "is_machine")
    run_id = models.BigIntegerField()
    hour = models.DateTimeField()
    type = models.CharField(max_length=20)
    link_id = models.BigIntegerField(default=0)
    is_machine = models.BooleanField(default=False)
    events = models.BigIntegerField(default=0)
    people = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"{self.run_id} {self.hour} {self.type}: {self.events}"
