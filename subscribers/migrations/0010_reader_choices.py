"""What readers choose: how often mail may come, and which questions of a form they left unticked."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0009_audience")]

    operations = [
        migrations.AddField(
            model_name="profile",
            name="mail_gap_days",
            field=models.PositiveSmallIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="signuprequest",
            name="declined",
            field=models.JSONField(default=dict),
        ),
        migrations.AlterField(
            model_name="consentrecord",
            name="act",
            field=models.CharField(
                choices=[
                    ("requested", "Requested"),
                    ("granted", "Granted"),
                    ("refused", "Refused"),
                    ("withdrawn", "Withdrawn"),
                    ("objected", "Objected"),
                    ("erased", "Erased"),
                    ("merged", "Merged"),
                    ("annulled", "Annulled"),
                    ("paused", "Paused"),
                    ("resumed", "Resumed"),
                    ("frequency", "Chose how often"),
                ],
                max_length=10,
            ),
        ),
    ]
