"""What mails and hosted pages look like. Who sends, and from where, is in the settings of the installation."""

from django.core.validators import RegexValidator
from django.db import models

from mailplatform.core.models import TimestampedModel

_COLOUR = RegexValidator(r"^#[0-9a-f]{6}\Z", "Write a colour as # and six digits, such as #1a5fb4.")


class Brand(TimestampedModel):
    """Always row 1. An empty colour or font stands for ours. `social` is [{"name": "Instagram", "url": "https://…"}]."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    logo = models.ForeignKey("MediaFile", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    logo_width = models.PositiveSmallIntegerField(default=160)
    main_colour = models.CharField(max_length=7, blank=True, validators=[_COLOUR])
    page_colour = models.CharField(max_length=7, blank=True, validators=[_COLOUR])
    heading_colour = models.CharField(max_length=7, blank=True, validators=[_COLOUR])
    text_colour = models.CharField(max_length=7, blank=True, validators=[_COLOUR])
    font = models.CharField(max_length=20, blank=True)
    social = models.JSONField(default=list, blank=True)

    class Meta:
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="brand_is_one_row"),)

    def __str__(self) -> str:
        return "Brand"
