from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("events", "0004_state_at")]

    operations = [migrations.RenameField("heartbeat", "minute", "slot")]
