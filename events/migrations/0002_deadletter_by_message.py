from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("events", "0001_initial")]

    operations = [
        migrations.AddIndex(
            model_name="deadletter", index=models.Index(fields=["message_id"], name="deadletter_by_message")
        ),
    ]
