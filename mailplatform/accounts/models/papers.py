"""What an administrator told us for the papers of data protection, and the papers as they once were."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from mailplatform.core import clock
from mailplatform.core.models import TimestampedModel


class PaperAnswer(TimestampedModel):
    """The answer to one question of `papers.questions`; an empty one has no row."""

    key = models.CharField(max_length=40, primary_key=True)
    text = models.TextField()
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)

    def __str__(self) -> str:
        return self.key


class PaperKind(models.TextChoices):
    """Why a version was kept."""

    APPROVED = "approved", "Approved"
    EXPORTED = "exported", "Exported"


class PaperVersion(models.Model):
    """A paper as it was approved or exported, with the settings that it rested on. Never changed.

    `settings` maps a name to label and value; `fingerprint` is the SHA-256 of the values; `text` is Markdown.
    """

    key = models.CharField(max_length=40)
    number = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=PaperKind.choices)
    created_at = models.DateTimeField(default=clock.now)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    fingerprint = models.CharField(max_length=64)
    settings = models.JSONField(default=dict)
    text = models.TextField()

    class Meta:
        constraints = (models.UniqueConstraint(fields=("key", "number"), name="one_paper_per_number"),)
        ordering: ClassVar[list[str]] = ["-number"]

    def __str__(self) -> str:
        return f"{self.key} {self.number}"
