"""What was done to one object is found without reading the whole log."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_papers")]

    operations = [
        migrations.AddIndex(
            model_name="auditentry",
            index=models.Index(fields=["object_type", "object_id"], name="audit_by_object"),
        ),
    ]
