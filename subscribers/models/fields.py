"""Custom fields and tags."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from mailplatform.core.models import TimestampedModel


class FieldType(models.TextChoices):
    """What a custom field holds."""

    TEXT = "text", "Text"
    NUMBER = "number", "Number"
    DATE = "date", "Date"
    BOOLEAN = "boolean", "Yes or no"
    CHOICE = "choice", "One of a list"
    LIST = "list", "Several of a list"


class CustomField(TimestampedModel):
    """A typed key of `Subscriber.fields`.

    `slot` names the profile column that carries a copy for fast segments (`text_1`, `number_1`, ...), if any.
    """

    key = models.SlugField(max_length=50, unique=True)
    label = models.CharField(max_length=100)
    type = models.CharField(max_length=10, choices=FieldType.choices, default=FieldType.TEXT)
    choices = ArrayField(models.CharField(max_length=200), default=list, blank=True)
    default = models.CharField(max_length=200, blank=True)
    slot = models.CharField(max_length=10, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["label"]

    def __str__(self) -> str:
        return self.label


class Tag(models.Model):
    """A word that marks people."""

    name = models.CharField(max_length=60, unique=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name
