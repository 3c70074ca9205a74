"""The media library: pictures that mails show, documents that hang on them."""

import uuid

from django.conf import settings
from django.db import models

from mailplatform.core.models import TimestampedModel


class MediaFamily(models.TextChoices):
    """A picture stands in a mail; a document hangs on one."""

    IMAGE = "image", "Picture"
    DOCUMENT = "document", "Document"


class MediaFile(TimestampedModel):
    """One file of the library. `public_id` is its address in sent mails, which nobody can guess and nothing changes.

    `source_hash` is SHA-256 in hex of what was uploaded, `content_hash` of what is kept: pictures are written anew.
    Sizes are of what is kept, in bytes and pixels; `double_width` is 0 where there is no second, wider rendition.
    """

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    family = models.CharField(max_length=10, choices=MediaFamily.choices)
    name = models.CharField(max_length=120)
    alt = models.CharField(max_length=300, blank=True)
    content_type = models.CharField(max_length=100)
    source_hash = models.CharField(max_length=64, unique=True)
    content_hash = models.CharField(max_length=64, unique=True)
    size = models.PositiveIntegerField()
    width = models.PositiveIntegerField(default=0)
    height = models.PositiveIntegerField(default=0)
    double_hash = models.CharField(max_length=64, blank=True)
    double_type = models.CharField(max_length=100, blank=True)
    double_width = models.PositiveIntegerField(default=0)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return self.name


class AttachedContent(models.Model):
    """What a document holds, beside the ledger: sending never waits for the file storage, nor fails with it."""

    content_hash = models.CharField(max_length=64, primary_key=True)
    content = models.BinaryField()

    def __str__(self) -> str:
        return self.content_hash[:12]


class Attachment(models.Model):
    """A file of the library that hangs on the mails of a campaign."""

    campaign = models.ForeignKey("Campaign", on_delete=models.CASCADE, related_name="attachments")
    media = models.ForeignKey("MediaFile", on_delete=models.PROTECT, related_name="attachments")

    class Meta:
        constraints = (models.UniqueConstraint(fields=("campaign", "media"), name="one_attachment_per_file"),)
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.media_id} on {self.campaign_id}"
