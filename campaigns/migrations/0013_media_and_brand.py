"""The media library, what hangs on mails, the brand; and which texts show which file, by index."""

import uuid

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import mailplatform.core.clock

# The files of the library that a text names by their address in mails. Whoever writes such a text need not remember to
# note it: the indexes do.
SHOWN = """
CREATE FUNCTION campaigns_media_ids(text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(DISTINCT found[1]), '{}') FROM regexp_matches($1, '/m/([0-9a-f]{32})/', 'g') found
$$;
CREATE INDEX template_shows_media ON campaigns_template
    USING gin (campaigns_media_ids(html || text || defaults::text));
CREATE INDEX version_shows_media ON campaigns_templateversion
    USING gin (campaigns_media_ids(html || source::text));
CREATE INDEX campaign_shows_media ON campaigns_campaign USING gin (campaigns_media_ids(variables::text));
"""
NOT_SHOWN = """
DROP INDEX template_shows_media, version_shows_media, campaign_shows_media;
DROP FUNCTION campaigns_media_ids(text);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0012_runs_by_end"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AttachedContent",
            fields=[
                ("content_hash", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("content", models.BinaryField()),
            ],
        ),
        migrations.CreateModel(
            name="MediaFile",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("created_at", models.DateTimeField(default=mailplatform.core.clock.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("public_id", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                (
                    "family",
                    models.CharField(choices=[("image", "Picture"), ("document", "Document")], max_length=10),
                ),
                ("name", models.CharField(max_length=120)),
                ("alt", models.CharField(blank=True, max_length=300)),
                ("content_type", models.CharField(max_length=100)),
                ("source_hash", models.CharField(max_length=64, unique=True)),
                ("content_hash", models.CharField(max_length=64, unique=True)),
                ("size", models.PositiveIntegerField()),
                ("width", models.PositiveIntegerField(default=0)),
                ("height", models.PositiveIntegerField(default=0)),
                ("double_hash", models.CharField(blank=True, max_length=64)),
                ("double_type", models.CharField(blank=True, max_length=100)),
                ("double_width", models.PositiveIntegerField(default=0)),
                (
                    "uploaded_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ("-created_at", "-pk"),
            },
        ),
        migrations.CreateModel(
            name="Brand",
            fields=[
                ("created_at", models.DateTimeField(default=mailplatform.core.clock.now, editable=False)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("logo_width", models.PositiveSmallIntegerField(default=160)),
                (
                    "main_colour",
                    models.CharField(
                        blank=True,
                        max_length=7,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^#[0-9a-f]{6}\\Z", "Write a colour as # and six digits, such as #1a5fb4."
                            )
                        ],
                    ),
                ),
                (
                    "page_colour",
                    models.CharField(
                        blank=True,
                        max_length=7,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^#[0-9a-f]{6}\\Z", "Write a colour as # and six digits, such as #1a5fb4."
                            )
                        ],
                    ),
                ),
                (
                    "heading_colour",
                    models.CharField(
                        blank=True,
                        max_length=7,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^#[0-9a-f]{6}\\Z", "Write a colour as # and six digits, such as #1a5fb4."
                            )
                        ],
                    ),
                ),
                (
                    "text_colour",
                    models.CharField(
                        blank=True,
                        max_length=7,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^#[0-9a-f]{6}\\Z", "Write a colour as # and six digits, such as #1a5fb4."
                            )
                        ],
                    ),
                ),
                ("font", models.CharField(blank=True, max_length=20)),
                ("social", models.JSONField(blank=True, default=list)),
                (
                    "logo",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="campaigns.mediafile",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="brand_is_one_row")
                ],
            },
        ),
        migrations.CreateModel(
            name="Attachment",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="attachments",
                        to="campaigns.campaign",
                    ),
                ),
                (
                    "media",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="attachments",
                        to="campaigns.mediafile",
                    ),
                ),
            ],
            options={
                "ordering": ("pk",),
                "constraints": [
                    models.UniqueConstraint(fields=("campaign", "media"), name="one_attachment_per_file")
                ],
            },
        ),
        migrations.RunSQL(SHOWN, NOT_SHOWN),
    ]
