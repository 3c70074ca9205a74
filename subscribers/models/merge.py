"""Who was merged into whom."""

from django.db import models


class PersonMerge(models.Model):
    """One person who is now part of another one.

    Deliveries, events and consent records stay under `old_id` and `old_subject` for ever; `survivor_id` is the
    person of today, also after that one was merged in turn. `old_email_key` is the keyed hash of the address.
    """

    old_id = models.BigIntegerField(primary_key=True)
    old_subject = models.UUIDField(unique=True)
    old_email_key = models.BinaryField(max_length=32, db_index=True)
    survivor_id = models.BigIntegerField(db_index=True)
    merged_at = models.DateTimeField()
    merged_by = models.BigIntegerField(null=True)

    def __str__(self) -> str:
        return f"{self.old_id} into {self.survivor_id}"
