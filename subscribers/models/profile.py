"""The narrow table that segments run over."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class MarketingBasis(models.TextChoices):
    """The basis on which a person may get marketing mail now, derived from the ledger."""

    NONE = "none", "None"
    CONSENT = "consent", "Consent"
    SOFT_OPT_IN = "soft_opt_in", "Existing customer"
    WITHDRAWN = "withdrawn", "Withdrawn"


class Profile(models.Model):
    """A copy of what segments and the eligibility rule ask for, one narrow row per person.

    No index of what engagement changes, and free space in each page (fillfactor 80), so that these updates stay in
    their page. Written only by `subscribers.services`.
    """

    subscriber_id = models.BigIntegerField(primary_key=True)
    joined_at = models.DateTimeField()
    marketing_basis = models.CharField(
        max_length=12, choices=MarketingBasis.choices, default=MarketingBasis.NONE
    )
    contract_basis = models.BooleanField(default=False)
    service_basis = models.BooleanField(default=False)
    opens_allowed = models.BooleanField(default=False)
    clicks_allowed = models.BooleanField(default=False)
    paused_until = models.DateTimeField(null=True)
    # At most one marketing mail in so many days, by the person's own choice; null: all of them.
    mail_gap_days = models.PositiveSmallIntegerField(null=True)
    list_ids = ArrayField(models.BigIntegerField(), default=list)
    tag_ids = ArrayField(models.BigIntegerField(), default=list)
    last_sent_at = models.DateTimeField(null=True)
    last_opened_at = models.DateTimeField(null=True)
    last_clicked_at = models.DateTimeField(null=True)
    opens = models.IntegerField(default=0)
    clicks = models.IntegerField(default=0)
    # A rollup of the person's orders; `spent` holds sums by currency in its smallest unit: {"EUR": 12990}.
    orders = models.IntegerField(default=0, db_default=0)
    last_ordered_at = models.DateTimeField(null=True)
    spent = models.JSONField(null=True)
    product_ids = ArrayField(models.BigIntegerField(), null=True)
    text_1 = models.TextField(null=True)  # noqa: DJ001 - empty and unknown differ
    text_2 = models.TextField(null=True)  # noqa: DJ001 - empty and unknown differ
    text_3 = models.TextField(null=True)  # noqa: DJ001 - empty and unknown differ
    text_4 = models.TextField(null=True)  # noqa: DJ001 - empty and unknown differ
    number_1 = models.FloatField(null=True)
    number_2 = models.FloatField(null=True)
    date_1 = models.DateField(null=True)
    date_2 = models.DateField(null=True)

    class Meta:
        indexes = (
            # Of few people: a count of segments asks for them alone.
            models.Index(
                fields=("subscriber_id",), condition=models.Q(mail_gap_days__gt=0), name="profile_with_gap"
            ),
        )

    def __str__(self) -> str:
        return str(self.subscriber_id)
