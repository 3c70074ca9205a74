"""Schedules at Amazon may name an event, which outside systems are told."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0011_deliverability")]

    operations = [
        migrations.AddField(
            model_name="trigger", name="event", field=models.CharField(blank=True, max_length=64)
        ),
    ]
