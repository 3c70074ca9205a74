"""What was chosen for the Amazon account at the last apply, so that a later one means the same resources."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_team")]

    operations = [
        migrations.AddField(
            model_name="installation",
            name="provisioning",
            field=models.JSONField(blank=True, default=dict),
        ),
    ]
