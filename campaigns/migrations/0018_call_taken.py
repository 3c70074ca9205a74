"""How many people of a call were taken stands in it: its answer has one word for each, and some are refusals."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0017_own_tracking"),
    ]

    operations = [
        migrations.AddField(
            model_name="call",
            name="taken",
            field=models.SmallIntegerField(null=True),
        ),
    ]
