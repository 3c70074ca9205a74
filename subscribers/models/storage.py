"""What beat copies into the storage, and how that went."""

from django.db import models


class StorageCopyKind(models.TextChoices):
    """What is copied."""

    SUPPRESSION = "suppression", "The list of blocked addresses"
    CHECKPOINTS = "checkpoints", "The checkpoints of the consent ledger"


class StorageCopy(models.Model):
    """The newest copy of one kind: when it was tried, when it was done, under which name, and what went wrong."""

    kind = models.CharField(max_length=12, choices=StorageCopyKind.choices, primary_key=True)
    tried_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True)
    name = models.CharField(max_length=200, blank=True)
    rows = models.IntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return f"{self.kind}: {self.name}"
