"""A person we may have a reason to write to."""

import uuid

from django.contrib.postgres.indexes import BrinIndex, OpClass
from django.db import models
from django.db.models.functions import Lower

from mailplatform.core.models import TimestampedModel

from .fields import Tag


class Subscriber(TimestampedModel):
    """One person per lower-cased address.

    `email_key` is the keyed hash of the address (`mailplatform.core.keys.email_key`): it is what
    suppressions hold, so that an erased person stays recognisable without being known.
    Whether the person may be mailed is never decided here: see `subscribers.selectors.eligibility`.
    """

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    email = models.CharField(max_length=254, unique=True, db_collation="C")
    email_key = models.BinaryField(max_length=32, unique=True, editable=False)
    name = models.CharField(max_length=200, blank=True)
    language = models.CharField(max_length=10, blank=True)
    time_zone = models.CharField(max_length=64, blank=True)
    fields = models.JSONField(default=dict, blank=True)
    source = models.CharField(max_length=100, blank=True)
    tags = models.ManyToManyField(Tag, blank=True, related_name="subscribers")

    class Meta:
        indexes = (
            models.Index(OpClass(Lower("name"), "text_pattern_ops"), name="subscriber_name_prefix"),
            # Rows lie in the order of their time: a few bytes per hundred pages, and hardly any work per person.
            BrinIndex(fields=("created_at",), name="subscriber_by_time", autosummarize=True),
        )

    def __str__(self) -> str:
        return self.email
