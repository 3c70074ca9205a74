"""That the database was put back to what it was."""

from django.conf import settings
from django.db import models

from mailplatform.core import clock


class Restore(models.Model):
    """The database is again as it was at `taken_at`; until it is unlocked, nothing is sent to readers.

    `people` of `runs` campaigns may have been mailed after that and stand as unresolved. `lost_records` is how many
    records of the consent register came after it, by the checkpoints outside the database; None when there are none.
    """

    taken_at = models.DateTimeField()
    restored_at = models.DateTimeField(default=clock.now)
    runs = models.IntegerField(default=0)
    people = models.IntegerField(default=0)
    lost_records = models.BigIntegerField(null=True)
    unlocked_at = models.DateTimeField(null=True)
    unlocked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"restored to {self.taken_at:%Y-%m-%d %H:%M:%S}"
