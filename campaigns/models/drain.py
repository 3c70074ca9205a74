"""Who is at work on a run."""

import uuid

from django.db import models

from mailplatform.core import clock


class Drain(models.Model):
    """One worker's slice of a run. A row whose lease ran out is a worker that did not come back."""

    run_id = models.BigIntegerField()
    token = models.UUIDField(default=uuid.uuid4, unique=True)
    # Machine and process, for those who look for a fault.
    process = models.CharField(max_length=100, blank=True)
    lease_until = models.DateTimeField()
    started_at = models.DateTimeField(default=clock.now)

    class Meta:
        indexes = (models.Index(fields=("run_id", "lease_until"), name="drain_of_run"),)

    def __str__(self) -> str:
        return f"drain of run {self.run_id} by {self.process}"
