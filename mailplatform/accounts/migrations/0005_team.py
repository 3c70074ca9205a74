"""Where users are signed in, when they were invited, and whether everybody must have a second factor."""

from django.conf import settings
from django.db import migrations, models

import mailplatform.core.clock


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_audit_by_object"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        migrations.AddField(
            model_name="installation",
            name="require_second_factor",
            field=models.BooleanField(default=False),
        ),
        migrations.AddField(
            model_name="user",
            name="invited_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="UserSession",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("device", models.CharField(max_length=60)),
                ("created_at", models.DateTimeField(default=mailplatform.core.clock.now)),
                ("last_seen_at", models.DateTimeField(default=mailplatform.core.clock.now)),
                (
                    "session",
                    models.OneToOneField(on_delete=models.CASCADE, related_name="+", to="sessions.session"),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=models.CASCADE,
                        related_name="sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-last_seen_at", "-id"],
            },
        ),
    ]
