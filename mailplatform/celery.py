"""Celery: starts, supervises, schedules and stops. Its messages carry ids and never a person's data."""

import os
from typing import Any

from celery import Celery, signals
from django.conf import settings

from mailplatform.core import broker, shutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailplatform.settings")
# Celery would run Django's checks at each start, ignore what they find, and keep every page's code in memory for them:
# a third of the start. What must not start is refused where the settings are read (accounts/checks.py).
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")


def every(seconds: float, *, least: float | None = None) -> float:
    """Return a period of beat in seconds: shorter in a trial against the sandbox, but not below `least`.

    What trials do not shorten the waits of need not run a hundred times as often: it would only take their time. So
    without `least` it is a tenth of the period, between ten seconds and a minute.
    """
    floor = min(max(10.0, seconds / 10), 60.0) if least is None else least
    return max(min(seconds, floor), seconds * settings.SENDING_TIME_SCALE)


broker.use_for_redis()
app = Celery("mailplatform")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.autodiscover_tasks(related_name="periodic")
# Seconds between two runs. Each entry may run twice at once, or late, and does no harm.
app.conf.beat_schedule = {
    "campaigns-reissue": {"task": "campaigns.reissue", "schedule": every(10, least=1.0)},
    "campaigns-recover": {"task": "campaigns.recover", "schedule": every(15, least=1.0)},
    "campaigns-due": {"task": "campaigns.start_due", "schedule": every(3, least=1.0)},
    "campaigns-repeat": {"task": "campaigns.repeat", "schedule": every(10)},
    "campaigns-tell": {"task": "campaigns.tell_owners", "schedule": every(30)},
    "campaigns-account": {"task": "campaigns.refresh_account", "schedule": every(300, least=1.0)},
    "account-figures": {"task": "account.report_figures", "schedule": every(60)},
    "account-identities": {"task": "account.look_at_identities", "schedule": every(60)},
    "campaigns-keep": {"task": "campaigns.keep_versions", "schedule": every(60)},
    "campaigns-thin": {"task": "campaigns.thin_ledger", "schedule": every(3600)},
    "campaigns-owed-mails": {"task": "campaigns.send_owed_mails", "schedule": every(5)},
    "campaigns-welcome": {"task": "campaigns.greet_newcomers", "schedule": every(10)},
    "accounts-sessions": {"task": "accounts.forget_sessions", "schedule": every(3600)},
    "subscribers-signups": {"task": "subscribers.forget_signups", "schedule": every(3600)},
    "subscribers-bulk": {"task": "subscribers.resume_bulk", "schedule": every(300)},
    "subscribers-imports": {"task": "subscribers.resume_imports", "schedule": every(300)},
    "subscribers-forget": {"task": "subscribers.forget_imports", "schedule": every(3600)},
    "subscribers-retention": {"task": "subscribers.keep_retention", "schedule": every(3600)},
    "subscribers-storage": {"task": "subscribers.copy_to_storage", "schedule": every(3600)},
    "subscribers-sync": {"task": "subscribers.sync_suppressions", "schedule": every(21_600)},
    "events-partitions": {"task": "events.make_partitions", "schedule": every(3600)},
    "events-retention": {"task": "events.drop_old_events", "schedule": every(3600)},
    "events-forget": {"task": "events.forget_erased", "schedule": every(3600)},
    "events-settle": {"task": "events.settle_unresolved", "schedule": every(15, least=1.0)},
    "events-resend": {"task": "events.resend_by_itself", "schedule": every(60, least=1.0)},
    "events-safety": {"task": "events.check_safety", "schedule": every(30)},
    "events-machines": {"task": "events.classify_machines", "schedule": every(60)},
    "events-soft-bounces": {"task": "events.count_soft_bounces", "schedule": every(60)},
    "events-weeks": {"task": "events.count_weeks", "schedule": every(600)},
    "events-reports": {"task": "events.send_reports", "schedule": every(300)},
    "events-domains": {"task": "events.look_at_domains_daily", "schedule": every(600)},
    "events-sunset": {"task": "events.apply_sunset", "schedule": every(300)},
    "events-digests": {"task": "events.digest_runs", "schedule": every(60)},
    "events-webhooks": {"task": "events.send_webhooks", "schedule": every(5)},
    "events-webhooks-old": {"task": "events.forget_webhooks", "schedule": every(3600)},
}


@signals.worker_shutting_down.connect
def _end_soon(**_: Any) -> None:
    """Let every drain in the pool's processes finish what is on its way, record it and give its batch back."""
    shutdown.request()


@signals.worker_process_init.connect
def _in_child(**_: Any) -> None:
    shutdown.note_child()
