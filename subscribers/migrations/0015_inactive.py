"""One more reason to suppress: people who did not react for a long time, and not when they were asked."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("subscribers", "0014_people_with_gap")]

    operations = [
        migrations.AlterField(
            model_name="suppression",
            name="reason",
            field=models.CharField(
                choices=[
                    ("bounce", "Hard bounce"),
                    ("complaint", "Complaint"),
                    ("unsubscribe", "Unsubscribed from all mail"),
                    ("manual", "Blocked by hand"),
                    ("erased", "Erased on request"),
                    ("unreachable", "Could not be reached several times"),
                    ("merged", "Merged with another person"),
                    ("inactive", "Did not react for a long time"),
                    ("restricted", "Processing restricted on request"),
                ],
                max_length=12,
            ),
        ),
    ]
