"""Base models without any meaning of their own."""

from django.db import models

from mailplatform.core import clock


class TimestampedModel(models.Model):
    """Adds when a row was made and last changed (UTC)."""

    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True, editable=False)

    class Meta:
        abstract = True
