"""Celery: starts, supervises, schedules and stops. Its messages carry ids and never a person's data."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")

app = Celery("mailplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="periodic")
# Seconds between two runs. Each entry may run twice at once, or late, and does no harm.
app.conf.beat_schedule = {
    "campaigns-reissue": {"task": "campaigns.reissue", "schedule": 10},
    "campaigns-recover": {"task": "campaigns.recover", "schedule": 15},
    "campaigns-due": {"task": "campaigns.start_due", "schedule": 3},
    "campaigns-account": {"task": "campaigns.refresh_account", "schedule": 300},
    "subscribers-imports": {"task": "subscribers.resume_imports", "schedule": 300},
    "subscribers-forget": {"task": "subscribers.forget_imports", "schedule": 3600},
    "events-partitions": {"task": "events.make_partitions", "schedule": 3600},
    "events-forget": {"task": "events.forget_erased", "schedule": 3600},
    "events-settle": {"task": "events.settle_unresolved", "schedule": 15},
    "events-safety": {"task": "events.check_safety", "schedule": 30},
    "events-machines": {"task": "events.classify_machines", "schedule": 60},
}
