"""Celery: starts, supervises, schedules and stops. Its messages carry ids and never a person's data."""

import os

from celery import Celery
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")


def every(seconds: float) -> float:
    """Return a period of beat: shorter in a trial against the sandbox, but not below a second."""
    return max(min(seconds, 1.0), seconds * settings.SENDING_TIME_SCALE)


app = Celery("mailplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="periodic")
# Seconds between two runs. Each entry may run twice at once, or late, and does no harm.
app.conf.beat_schedule = {
    "campaigns-reissue": {"task": "campaigns.reissue", "schedule": every(10)},
    "campaigns-recover": {"task": "campaigns.recover", "schedule": every(15)},
    "campaigns-due": {"task": "campaigns.start_due", "schedule": every(3)},
    "campaigns-account": {"task": "campaigns.refresh_account", "schedule": every(300)},
    "subscribers-imports": {"task": "subscribers.resume_imports", "schedule": every(300)},
    "subscribers-forget": {"task": "subscribers.forget_imports", "schedule": every(3600)},
    "events-partitions": {"task": "events.make_partitions", "schedule": every(3600)},
    "events-forget": {"task": "events.forget_erased", "schedule": every(3600)},
    "events-settle": {"task": "events.settle_unresolved", "schedule": every(15)},
    "events-safety": {"task": "events.check_safety", "schedule": every(30)},
    "events-machines": {"task": "events.classify_machines", "schedule": every(60)},
}
