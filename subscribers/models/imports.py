"""Imports of people from files."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from mailplatform.core.models import TimestampedModel


class ImportState(models.TextChoices):
    """How far an import is."""

    UPLOADED = "uploaded", "Uploaded"
    CHECKING = "checking", "Checking"
    READY = "ready", "Ready to import"
    RUNNING = "running", "Importing"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"
    CANCELLED = "cancelled", "Cancelled"
    UNDOING = "undoing", "Taking back"
    UNDONE = "undone", "Taken back"


class ImportKind(models.TextChoices):
    """What the rows of a file are."""

    PEOPLE = "people", "People to write to"
    ORDERS = "orders", "Orders of people you have"
    SUPPRESSION = "suppression", "People who must get no mail"


class ImportJob(TimestampedModel):
    """One file on its way in: its mapping, the consent it claims, and what became of it.

    `made` lists the merged chunks, for the undo: `{"people": [first, last], "records": [first, last], "tags": [...]}`
    with the ids of new people and of consent records, of orders `{"orders": [first, last], "records": …}`.
    `undo` says how far an undo is, and what it came to.
    """

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12, choices=ImportKind.choices, default=ImportKind.PEOPLE)
    state = models.CharField(max_length=10, choices=ImportState.choices, default=ImportState.UPLOADED)
    file = models.FileField(upload_to="imports/%Y/%m/", max_length=300)
    file_name = models.CharField(max_length=200)
    file_sha256 = models.BinaryField(max_length=32)
    file_format = models.CharField(max_length=10, blank=True)
    mapping = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True)
    mailing_list = models.ForeignKey("MailingList", null=True, blank=True, on_delete=models.SET_NULL)
    rows_total = models.IntegerField(default=0)
    rows_done = models.IntegerField(default=0)
    rows_new = models.IntegerField(default=0)
    rows_changed = models.IntegerField(default=0)
    rows_unchanged = models.IntegerField(default=0)
    rows_refused = models.IntegerField(default=0)
    preview = models.JSONField(default=dict, blank=True)
    error = models.CharField(max_length=500, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    made = models.JSONField(default=list, blank=True)
    undo = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ("-created_at",)

    def __str__(self) -> str:
        return self.file_name


class RefusedRow(models.Model):
    """A row that was not imported: the original and the reason, to be mended and sent again."""

    job = models.ForeignKey("ImportJob", on_delete=models.CASCADE, related_name="refused")
    line = models.IntegerField()
    reason = models.CharField(max_length=200)
    row = models.JSONField()

    class Meta:
        indexes = (models.Index(fields=("job", "line"), name="refused_by_line"),)

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


class ImportTrace(models.Model):
    """What an import changed of one person we knew, kept for the time in which it can be undone.

    `former` and `given` hold the values before and after, of what changed alone: `name`, `language`, `time_zone` and
    `fields` by key (null where there was none). `joined` says what became of the subscription. After an undo,
    `outcome` says why somebody was left as they are, and the values are gone.
    """

    job = models.ForeignKey("ImportJob", on_delete=models.CASCADE, related_name="traces")
    chunk = models.IntegerField()
    subscriber_id = models.BigIntegerField(db_index=True)
    former = models.JSONField(default=dict)
    given = models.JSONField(default=dict)
    tag_ids = ArrayField(models.BigIntegerField(), default=list)
    joined = models.CharField(max_length=10, blank=True)
    outcome = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("job", "chunk", "subscriber_id"), name="one_trace_per_chunk"),
        )

    def __str__(self) -> str:
        return f"import {self.job_id}: person {self.subscriber_id}"
