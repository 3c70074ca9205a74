"""Templates and their immutable versions."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from mailplatform.core.models import TimestampedModel


class Template(TimestampedModel):
    """A mail in the making: the draft that people edit. `revision` grows with each save (optimistic lock).

    `html` is the source of the HTML part, byte for byte as it was written; `source_format` says in what. A template in
    another language is one of its own whose `variant_of` names the first; `language` is what it is written in, and on
    the first one may be empty: the installation's.
    """

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120, unique=True)
    slug = models.SlugField(max_length=120, unique=True)
    subject = models.CharField(max_length=250, blank=True)
    preheader = models.CharField(max_length=250, blank=True)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    text_is_generated = models.BooleanField(default=True)
    source_format = models.CharField(max_length=10, default="html")
    defaults = models.JSONField(default=dict, blank=True)
    revision = models.PositiveIntegerField(default=1)
    variant_of = models.ForeignKey(
        "self", null=True, blank=True, on_delete=models.PROTECT, related_name="variants"
    )
    language = models.CharField(max_length=10, blank=True, default="", db_default="")
    archived_at = models.DateTimeField(null=True, blank=True)
    updated_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("variant_of", "language"), name="one_variant_per_language"),
        )
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class TemplateDraft(models.Model):
    """What a draft was before somebody went on writing: the same keys as a version's source."""

    template = models.ForeignKey("Template", on_delete=models.CASCADE, related_name="drafts")
    revision = models.PositiveIntegerField()
    source = models.JSONField(default=dict)
    saved_at = models.DateTimeField()
    saved_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("template", "revision"), name="one_draft_per_revision"),
        )
        ordering = ("template", "-revision")

    def __str__(self) -> str:
        return f"{self.template} as of {self.saved_at:%Y-%m-%d %H:%M}"


class TemplateVersion(models.Model):
    """What was published: never changed. `ses_name` carries the hash of the content.

    `variables` is {"subject": [...], "html": [...], "text": [...]}: the names that each part asks for.
    `subject`, `html` and `text` are as SES stores them, after the escaped copies were put in. `links` is where our own
    redirect leads, by the key in the link (`campaigns.own_links`). `kept_at` is when a copy
    was written to the installation's storage.
    """

    template = models.ForeignKey("Template", on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    subject = models.CharField(max_length=300)
    html = models.TextField()
    text = models.TextField()
    source = models.JSONField(default=dict)
    defaults = models.JSONField(default=dict)
    variables = models.JSONField(default=dict)
    links = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()))
    content_hash = models.CharField(max_length=64, db_index=True)
    ses_name = models.CharField(max_length=64)
    stored_at = models.DateTimeField(null=True, blank=True)
    kept_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("template", "number"), name="one_version_per_number"),)
        indexes = (
            models.Index(fields=("id",), name="versions_not_kept", condition=models.Q(kept_at__isnull=True)),
        )
        ordering = ("template", "-number")

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"
