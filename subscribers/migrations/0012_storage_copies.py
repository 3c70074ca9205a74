"""What beat copies into the storage, and how that went."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0011_orders")]

    operations = [
        migrations.CreateModel(
            name="StorageCopy",
            fields=[
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("suppression", "The list of blocked addresses"),
                            ("checkpoints", "The checkpoints of the consent ledger"),
                        ],
                        max_length=12,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("tried_at", models.DateTimeField()),
                ("done_at", models.DateTimeField(null=True)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("rows", models.IntegerField(default=0)),
                ("error", models.CharField(blank=True, max_length=300)),
            ],
        ),
    ]
