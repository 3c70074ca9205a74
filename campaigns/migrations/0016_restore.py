"""A restored database sends nothing until somebody unlocks it: the database itself lets no run begin or go on."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import mailplatform.core.clock

GUARD = """
CREATE FUNCTION campaigns_refuse_while_restored() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM campaigns_restore WHERE unlocked_at IS NULL) THEN
        RAISE EXCEPTION 'sending is locked: the database was restored from a backup' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER run_locked BEFORE UPDATE OF state ON campaigns_run FOR EACH ROW
    WHEN (NEW.state = 'sending' AND OLD.state <> 'sending') EXECUTE FUNCTION campaigns_refuse_while_restored();
"""
UNGUARD = "DROP TRIGGER run_locked ON campaigns_run; DROP FUNCTION campaigns_refuse_while_restored();"


class Migration(migrations.Migration):
    dependencies = [
        ("campaigns", "0015_template_drafts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Restore",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("taken_at", models.DateTimeField()),
                ("restored_at", models.DateTimeField(default=mailplatform.core.clock.now)),
                ("runs", models.IntegerField(default=0)),
                ("people", models.IntegerField(default=0)),
                ("lost_records", models.BigIntegerField(null=True)),
                ("unlocked_at", models.DateTimeField(null=True)),
                (
                    "unlocked_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"ordering": ("-id",)},
        ),
        migrations.AlterField(
            model_name="run",
            name="paused_by",
            field=models.CharField(
                blank=True,
                choices=[
                    ("person", "Paused by a person"),
                    ("safety_stop", "Paused by the safety stop"),
                    ("account", "Paused because Amazon SES refuses to send"),
                    ("quota", "Waiting for the daily quota"),
                    ("warm_up", "Waiting for tomorrow's step of the warm-up"),
                    ("restored", "Paused because the database was restored"),
                ],
                max_length=12,
            ),
        ),
        migrations.RunSQL(GUARD, UNGUARD),
    ]
