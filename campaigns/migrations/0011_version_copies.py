"""When a published version was copied to the storage, and which were not yet."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0010_repeat_and_approve")]

    operations = [
        migrations.AddField(
            model_name="templateversion",
            name="kept_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddIndex(
            model_name="templateversion",
            index=models.Index(
                condition=models.Q(("kept_at__isnull", True)), fields=["id"], name="versions_not_kept"
            ),
        ),
    ]
