"""Saved rules that choose people."""

import uuid
from typing import ClassVar

from django.db import models

from mailplatform.core.models import TimestampedModel


class Segment(TimestampedModel):
    """A named rule tree; `subscribers.segments` compiles it to SQL over the profile table."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=120, unique=True)
    description = models.CharField(max_length=500, blank=True)
    rules = models.JSONField()
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name
