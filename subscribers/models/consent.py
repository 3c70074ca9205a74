"""The consent ledger: append-only, sealed in signed blocks, readable without personal data.

Fields are named after ISO/IEC TS 27560. Hashing follows RFC 9162; `subscribers.ledger` holds the rules.
"""

from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models

from mailplatform.core import clock


class Purpose(models.TextChoices):
    """What a person is asked for."""

    MARKETING = "marketing_email", "Marketing e-mail"
    OPENS = "open_tracking", "Open tracking"
    CLICKS = "click_tracking", "Click tracking"
    PROFILING = "profiling", "Profiling"


class Act(models.TextChoices):
    """What happened."""

    REQUESTED = "requested", "Requested"
    GRANTED = "granted", "Granted"
    REFUSED = "refused", "Refused"
    WITHDRAWN = "withdrawn", "Withdrawn"
    OBJECTED = "objected", "Objected"
    ERASED = "erased", "Erased"
    MERGED = "merged", "Merged"
    # By us, of the record that `confirms` names: it was entered by mistake and gives no basis. No word of the person.
    ANNULLED = "annulled", "Annulled"
    PAUSED = "paused", "Paused"
    RESUMED = "resumed", "Resumed"
    FREQUENCY = "frequency", "Chose how often"


# A "no" of the person, however it reached us.
NO = (Act.WITHDRAWN, Act.OBJECTED, Act.REFUSED)


class LawfulBasis(models.TextChoices):
    """Why we may write (GDPR Art. 6(1); ePrivacy Art. 13(2) for soft opt-in)."""

    CONSENT = "consent", "Consent, Art. 6(1)(a)"
    SOFT_OPT_IN = "soft_opt_in", "Existing customer, ePrivacy Art. 13(2)"
    CONTRACT = "contract", "Contract, Art. 6(1)(b)"
    LEGITIMATE_INTEREST = "legitimate_interest", "Legitimate interest, Art. 6(1)(f)"
    NONE = "none", "None"


class Method(models.TextChoices):
    """How the act reached us."""

    FORM = "form", "Sign-up form"
    DOUBLE_OPT_IN = "double_opt_in", "Double opt-in"
    IMPORT = "import", "Import with evidence"
    MANUAL = "manual", "Entered by hand"
    ONE_CLICK = "one_click", "One-click unsubscribe"
    PAGE = "page", "Hosted page"
    API = "api", "API"
    SYSTEM = "system", "System"


# Ways that only the person's own mailbox leads to.
OWN_METHODS = (Method.DOUBLE_OPT_IN, Method.PAGE, Method.ONE_CLICK)


class ConsentNotice(models.Model):
    """The exact wording that was shown. Append-only; a new wording is a new version.

    `hash` is the SHA-256 (hex) of version, language, purpose and text in canonical form.
    """

    hash = models.CharField(max_length=64, primary_key=True)
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    language = models.CharField(max_length=10, default="en")
    version = models.PositiveIntegerField()
    text = models.TextField()
    created_at = models.DateTimeField(default=clock.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("purpose", "language", "version"), name="one_notice_per_version"),
        )

    def __str__(self) -> str:
        return f"{self.purpose} v{self.version} ({self.language})"


class ConsentRecord(models.Model):
    """One leaf of the ledger. Holds nothing that names the person.

    `id` is given by the service under the ledger's lock and has no gaps (a sequence leaves gaps on rollback).
    `subject` is `Subscriber.public_id`; it stays after erasure and then means nothing to anybody.
    `commitment` is the salted hash of the personal fields in `ConsentPersonal`. The canonical leaf is made of
    these columns alone, so none of the texts is nullable: an empty one was not given.
    `confirms` is the id of the record that this one answers, 0 for none.
    """

    id = models.BigIntegerField(primary_key=True)
    schema_version = models.PositiveSmallIntegerField(default=1)
    subject = models.UUIDField()
    purpose = models.CharField(max_length=20, choices=Purpose.choices)
    act = models.CharField(max_length=10, choices=Act.choices)
    lawful_basis = models.CharField(max_length=20, choices=LawfulBasis.choices)
    method = models.CharField(max_length=15, choices=Method.choices)
    notice_hash = models.CharField(max_length=64, blank=True)
    notice_version = models.PositiveIntegerField(default=0)
    language = models.CharField(max_length=10, blank=True)
    form = models.CharField(max_length=200, blank=True)
    page = models.CharField(max_length=500, blank=True)
    source = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=100)
    confirms = models.BigIntegerField(default=0)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    commitment = models.BinaryField(max_length=32)

    class Meta:
        indexes = (
            # Nothing is ever changed or removed, so rows lie in the order of their time.
            BrinIndex(fields=("recorded_at",), name="consent_by_recording", autosummarize=True),
            models.Index(fields=("subject", "id"), name="consent_by_subject"),
        )

    def __str__(self) -> str:
        return f"#{self.id} {self.purpose} {self.act}"

    @property
    def is_own_grant(self) -> bool:
        """Whether the person granted it themselves, through a link that only their mailbox has."""
        return self.act == Act.GRANTED and self.actor == "person" and self.method in OWN_METHODS


class ConsentPersonal(models.Model):
    """The personal fields beside a leaf: address, evidence, minimised IP. Erasure deletes them and the salt."""

    record_id = models.BigIntegerField(primary_key=True)
    subscriber_id = models.BigIntegerField(db_index=True)
    email = models.CharField(max_length=254, blank=True)
    email_key = models.BinaryField(max_length=32)
    ip = models.CharField(max_length=45, blank=True)
    evidence = models.JSONField(default=dict)
    salt = models.BinaryField(max_length=32)

    def __str__(self) -> str:
        return f"#{self.record_id}"


class SigningKey(models.Model):
    """A public key of the ledger. A new one is endorsed by the one before it. Append-only."""

    key_id = models.CharField(max_length=32, primary_key=True)
    public_key = models.BinaryField(max_length=32)
    previous_key_id = models.CharField(max_length=32, blank=True)
    endorsement = models.BinaryField(max_length=64, null=True)
    created_at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.key_id


class ConsentBlock(models.Model):
    """A seal over the records `first_id` to `last_id`, signed (Ed25519) and chained.

    `leaves` holds the leaf hashes, 32 bytes each in order of id: they let a check name the row that was changed.
    """

    number = models.BigIntegerField(primary_key=True)
    first_id = models.BigIntegerField(unique=True)
    last_id = models.BigIntegerField(unique=True)
    count = models.IntegerField()
    root = models.BinaryField(max_length=32)
    leaves = models.BinaryField()
    previous_hash = models.BinaryField(max_length=32)
    block_hash = models.BinaryField(max_length=32)
    key_id = models.CharField(max_length=32)
    signature = models.BinaryField(max_length=64)
    sealed_at = models.DateTimeField()

    class Meta:
        ordering: ClassVar[list[str]] = ["number"]

    def __str__(self) -> str:
        return f"block {self.number}: {self.first_id}-{self.last_id}"
