"""Where somebody is signed in, so that they see it and can end it."""

from typing import ClassVar

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import models

from mailplatform.core import clock


class UserSession(models.Model):
    """One sign-in, as long as its session lives. No address and no whole user agent: `device` is in words."""

    session = models.OneToOneField(Session, on_delete=models.CASCADE, related_name="+")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="sessions")
    device = models.CharField(max_length=60)
    created_at = models.DateTimeField(default=clock.now)
    last_seen_at = models.DateTimeField(default=clock.now)

    class Meta:
        ordering: ClassVar[list[str]] = ["-last_seen_at", "-id"]

    def __str__(self) -> str:
        return f"{self.user_id} {self.device}"
