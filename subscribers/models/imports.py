"""Imports of people from files."""

import uuid

from django.conf import settings
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


class ImportJob(TimestampedModel):
    """One file on its way in: its mapping, the consent it claims, and what became of it."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
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
