"""One act over many people, and domains that get no mail."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models

from mailplatform.core import clock
from mailplatform.core.models import TimestampedModel


class BulkAction(models.TextChoices):
    """What can be done to many people at once."""

    TAG = "tag", "Add a tag"
    UNTAG = "untag", "Remove a tag"
    LIST_ADD = "list_add", "Put on a list"
    LIST_REMOVE = "list_remove", "Take off a list"
    BLOCK = "block", "Block"
    FORGET_FIELD = "forget_field", "Delete a field"
    DELETE_TAG = "delete_tag", "Delete a tag"


class BulkState(models.TextChoices):
    """How far it is."""

    RUNNING = "running", "Running"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class BulkJob(TimestampedModel):
    """An act over many people, done in chunks; `below` is the id down to which it is done.

    `selection` holds either the `ids`, or the `query` of the people page. `target` names the tag, list, field or
    reason; `left_out` counts by reason those whom the act may not touch.
    """

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    action = models.CharField(max_length=12, choices=BulkAction.choices)
    state = models.CharField(max_length=8, choices=BulkState.choices, default=BulkState.RUNNING)
    selection = models.JSONField(default=dict)
    target = models.JSONField(default=dict)
    below = models.BigIntegerField(null=True, blank=True)
    found = models.IntegerField(default=0)
    changed = models.IntegerField(default=0)
    left_out = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.action}: {self.state}"


class BlockedDomain(models.Model):
    """A domain whose addresses get no mail at all; a lifted one stays as history."""

    domain = models.CharField(max_length=253)
    reason = models.CharField(max_length=200)
    created_at = models.DateTimeField(default=clock.now)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_because = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("domain",), condition=models.Q(lifted_at=None), name="one_live_block_per_domain"
            ),
        )

    def __str__(self) -> str:
        return self.domain
