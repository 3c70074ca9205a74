"""The few people who want less mail, by an index: a count of a segment asks for them without reading everybody."""

from typing import ClassVar

from django.db import migrations, models


class Migration(migrations.Migration):
    """One partial index."""

    dependencies: ClassVar = [("subscribers", "0013_lighter_rows")]

    operations: ClassVar = [
        migrations.AddIndex(
            model_name="profile",
            index=models.Index(
                condition=models.Q(("mail_gap_days__gt", 0)),
                fields=["subscriber_id"],
                name="profile_with_gap",
            ),
        ),
    ]
