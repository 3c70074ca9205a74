"""Tokens of the API, and the answers that are kept for a repeated request."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from mailplatform.core import clock


class ApiToken(models.Model):
    """Lets a program act for the user who made it, within its scopes. Only the SHA-256 of the secret is kept."""

    name = models.CharField(max_length=100)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="api_tokens")
    key_hash = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)
    scopes = ArrayField(models.CharField(max_length=20), default=list)
    created_at = models.DateTimeField(default=clock.now)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["-created_at", "-id"]

    def __str__(self) -> str:
        return self.name


class ApiReply(models.Model):
    """What was answered to a request with an Idempotency-Key; kept for a day.

    `fingerprint` is the SHA-256 of method, path and body: the same key with another request is a mistake.
    """

    token = models.ForeignKey("ApiToken", on_delete=models.CASCADE, related_name="replies")
    key = models.CharField(max_length=100)
    fingerprint = models.CharField(max_length=64)
    status = models.PositiveSmallIntegerField(default=0)
    body = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=clock.now, db_index=True)

    class Meta:
        constraints = (models.UniqueConstraint(fields=("token", "key"), name="one_reply_per_key"),)

    def __str__(self) -> str:
        return f"{self.token_id} {self.status}"
