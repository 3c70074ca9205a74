from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0005_heartbeat_slots")]

    operations = [
        migrations.AddField(
            model_name="digest", name="is_stale", field=models.BooleanField(db_index=True, default=False)
        ),
        migrations.RemoveIndex(model_name="webhookdelivery", name="webhook_due"),
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(
                condition=models.Q(("state", "pending")), fields=["endpoint", "next_at"], name="webhook_due"
            ),
        ),
    ]
