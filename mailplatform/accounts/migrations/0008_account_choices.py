"""What was chosen for the Amazon account in the browser waits here for the next apply."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_own_tracking"),
    ]

    operations = [
        migrations.AddField(
            model_name="installation",
            name="account_choices",
            field=models.JSONField(blank=True, null=True),
        ),
    ]
