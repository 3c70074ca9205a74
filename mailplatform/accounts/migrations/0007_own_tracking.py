"""Opens and clicks are counted by this site from now on; who chose Amazon SES knowingly keeps it."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_provisioning"),
    ]

    operations = [
        migrations.AddField(
            model_name="installation",
            name="tracking_carrier",
            field=models.CharField(
                choices=[
                    ("own", "This site: a withdrawal also silences mail already sent"),
                    ("ses", "Amazon SES: mail already sent keeps its tracking links"),
                ],
                db_default="own",
                default="own",
                max_length=3,
            ),
        ),
        migrations.RunSQL(
            "UPDATE accounts_installation SET tracking_carrier = 'ses' WHERE ses_tracking_acknowledged_at IS NOT NULL",
            migrations.RunSQL.noop,
        ),
    ]
