"""Who got what is looked up run by run, by the primary key; an index by person costs every mail 60 bytes of WAL."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("campaigns", "0006_drains")]

    operations = [
        migrations.RunSQL(
            "DROP INDEX campaigns_delivery_person",
            "CREATE INDEX campaigns_delivery_person ON campaigns_delivery (subscriber_id)",
        )
    ]
