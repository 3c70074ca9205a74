"""What may be counted stands in the call itself: its configuration set no longer says it where we count ourselves."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0016_restore"),
    ]

    operations = [
        migrations.AddField(
            model_name="call",
            name="clicks",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="call",
            name="opens",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="templateversion",
            name="links",
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.RunSQL(
            """
            UPDATE campaigns_call SET opens = configuration_set LIKE '%-opens' OR configuration_set LIKE '%-both',
                clicks = configuration_set LIKE '%-clicks' OR configuration_set LIKE '%-both'
            WHERE state = 'in_flight'
            """,
            migrations.RunSQL.noop,
        ),
    ]
