"""Sign-up forms, what waits for a confirmation, and the few mails that a person is owed outside of campaigns."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models

from mailplatform.core import clock
from mailplatform.core.models import TimestampedModel


class SignupForm(TimestampedModel):
    """A form by which people join one list; the list says whether a click in a mail must confirm it."""

    public_id = models.UUIDField(unique=True, default=uuid.uuid4, editable=False)
    mailing_list = models.ForeignKey("MailingList", on_delete=models.PROTECT, related_name="signup_forms")
    name = models.CharField(max_length=120, unique=True)
    ask_name = models.BooleanField(default=False)
    ask_tracking = models.BooleanField(default=False)
    field_keys = ArrayField(models.CharField(max_length=60), default=list, blank=True)
    redirect_url = models.URLField(max_length=500, blank=True)
    archived_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name


class SignupText(models.Model):
    """What a form says in one language. `wording` is what people agree to; the ledger keeps each version shown."""

    form = models.ForeignKey("SignupForm", on_delete=models.CASCADE, related_name="texts")
    language = models.CharField(max_length=10)
    title = models.CharField(max_length=120)
    text = models.CharField(max_length=1000, blank=True)
    wording = models.CharField(max_length=1000)
    thanks = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("form", "language"), name="one_signup_text_per_language"),
        )
        ordering: ClassVar[list[str]] = ["language"]

    def __str__(self) -> str:
        return f"{self.form_id} in {self.language}"


class SignupRequest(models.Model):
    """Somebody typed an address into a form. Nothing else is stored of them before they confirm.

    `agreed` names, per purpose, the notice (its hash) that was shown and ticked; `declined` those that were left. Once
    confirmed the typed data are emptied, and the row only tells a second click that all is done. `forget_at` is when
    beat deletes it.
    """

    form = models.ForeignKey("SignupForm", on_delete=models.PROTECT, related_name="requests")
    email = models.CharField(max_length=254, blank=True)
    email_key = models.BinaryField(max_length=32)
    name = models.CharField(max_length=200, blank=True)
    fields = models.JSONField(default=dict, blank=True)
    language = models.CharField(max_length=10)
    agreed = models.JSONField(default=dict)
    declined = models.JSONField(default=dict)
    ip = models.CharField(max_length=45, blank=True)
    page = models.CharField(max_length=500, blank=True)
    requested_at = models.DateTimeField(default=clock.now)
    forget_at = models.DateTimeField(db_index=True)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    subscriber_id = models.BigIntegerField(null=True, blank=True)
    # A person who confirmed gets the form's welcome mail; null where none is due (any more).
    welcome_due_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("form", "email_key"),
                condition=models.Q(confirmed_at=None),
                name="one_pending_signup",
            ),
        )
        indexes = (
            models.Index(fields=("email_key",), name="signup_by_key"),
            models.Index(
                fields=("welcome_due_at",), condition=~models.Q(welcome_due_at=None), name="welcome_due"
            ),
        )

    def __str__(self) -> str:
        return f"sign-up {self.pk}"


class OwedKind(models.TextChoices):
    """What kind of mail a person asked for."""

    CONFIRM = "confirm", "Please confirm your sign-up"
    DATA = "data", "The way to your data"
    ERASE = "erase", "Please confirm your erasure"


class OwedState(models.TextChoices):
    """Where such a mail stands. `lost`: no answer came, so it may have gone out; it is not repeated by itself."""

    DUE = "due", "Waiting"
    SENDING = "sending", "Being sent"
    SENT = "sent", "Sent"
    LOST = "lost", "Answer lost"
    FAILED = "failed", "Failed"


class OwedMail(models.Model):
    """One mail that a reader asked for on a hosted page. Names nobody: the address is looked up when it is sent.

    `reference` is the sign-up request or, for the other kinds, the subscriber.
    """

    kind = models.CharField(max_length=8, choices=OwedKind.choices)
    email_key = models.BinaryField(max_length=32)
    reference = models.BigIntegerField()
    language = models.CharField(max_length=10)
    state = models.CharField(max_length=8, choices=OwedState.choices, default=OwedState.DUE)
    asked_at = models.DateTimeField(default=clock.now)
    due_at = models.DateTimeField(default=clock.now)
    tries = models.PositiveSmallIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = (
            models.Index(
                fields=("due_at",), condition=models.Q(state__in=("due", "sending")), name="owed_mail_due"
            ),
            models.Index(fields=("email_key", "kind", "asked_at"), name="owed_mail_by_key"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}: {self.state}"
