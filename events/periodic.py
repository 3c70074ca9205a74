"""What the clock starts. Each job is one call and may run twice or late without harm."""

from datetime import date
from typing import Any, Final

from celery import shared_task
from django.db import connection
from django.db.models import Max

from campaigns.models import Run
from mailplatform.core import clock

from .services import (
    account_work,
    bouncing,
    classifying,
    completeness,
    deliverability,
    digesting,
    figures,
    forgetting,
    growing,
    report_mails,
    retention,
    settling,
    stopping,
    sunset,
    verifying,
    webhook_sending,
)

MONTHS_AHEAD: Final = 3
MONTHS_BACK: Final = 2


def ensure_partitions() -> list[date]:
    """Make the partitions of the months around now and of the next thousand runs; return the months."""
    first = clock.now().date().replace(day=1)
    months = sorted({_month(first, step) for step in range(-MONTHS_BACK, MONTHS_AHEAD + 1)})
    newest = Run.objects.aggregate(newest=Max("pk"))["newest"] or 0
    with connection.cursor() as cursor:
        for month in months:
            cursor.execute("SELECT events_ensure_month_partitions(%s)", (month,))
        cursor.execute("SELECT events_ensure_outcome_partition(%s)", (newest + 1,))
        cursor.execute("SELECT events_ensure_outcome_partition(%s)", (newest + 1_000,))
    return months


def _month(first: date, step: int) -> date:
    number = first.year * 12 + first.month - 1 + step
    return first.replace(year=number // 12, month=number % 12 + 1)


# Not one of the tasks that keep up with events: it waits for Amazon for minutes.
@shared_task(name="account.work")
def work_on_account(*, act: str, user_id: int | None = None, **_unknown: Any) -> None:
    """Compare the Amazon account with what is wanted, provision it or take that away; an administrator asked."""
    account_work.work(act, user_id)


@shared_task(name="account.report_figures")
def report_figures(**_unknown: Any) -> None:
    """Tell the dashboard at Amazon how much waits here."""
    figures.report()


@shared_task(name="events.look_at_domains_daily")
def look_at_domains_daily(**_unknown: Any) -> None:
    """Look at the account and the sending domains, once a day."""
    deliverability.look_if_due()


@shared_task(name="account.look_at_identities")
def look_at_identities(**_unknown: Any) -> None:
    """Ask Amazon which identities are verified: often while one waits, every hour otherwise."""
    verifying.look_if_due()


@shared_task(name="events.apply_sunset")
def apply_sunset(**_unknown: Any) -> None:
    """Find who stopped reading, and take back who reacted, once an hour."""
    sunset.apply_if_due()


@shared_task(name="account.look_at_domains")
def look_at_domains(**_unknown: Any) -> None:
    """Look at the account and the sending domains, because somebody asked."""
    deliverability.look()


@shared_task(name="events.make_partitions")
def make_partitions(**_unknown: Any) -> None:
    """Keep partitions ready ahead of time; what finds none goes to the dead letters."""
    ensure_partitions()


@shared_task(name="events.drop_old_events")
def drop_old_events(**_unknown: Any) -> None:
    """Drop the months that are older than what is kept."""
    retention.drop_old()


@shared_task(name="events.settle_unresolved")
def settle_unresolved(**_unknown: Any) -> None:
    """Settle deliveries whose answer was lost and of which an event tells."""
    settling.settle_unresolved()


@shared_task(name="events.resend_by_itself")
def resend_by_itself(**_unknown: Any) -> None:
    """Send again what the silence of a complete channel proves to be lost, where the settings allow it."""
    completeness.resend_by_itself()


@shared_task(name="events.check_safety")
def check_safety(**_unknown: Any) -> None:
    """Pause runs that bounce or are complained of too much, and tell their owners."""
    stopping.check_safety()
    stopping.tell_owners()


@shared_task(name="events.classify_machines")
def classify_machines(**_unknown: Any) -> None:
    """Mark scanners that only their pattern gives away."""
    classifying.classify_machines()


@shared_task(name="events.count_soft_bounces")
def count_soft_bounces(**_unknown: Any) -> None:
    """Suppress addresses that bounced several times in a row; lift those where mail arrives again."""
    bouncing.apply_policy()


@shared_task(name="events.digest_runs")
def digest_runs(**_unknown: Any) -> None:
    """Keep the breakdowns of reports fresh."""
    digesting.digest_runs()


@shared_task(name="events.count_weeks")
def count_weeks(**_unknown: Any) -> None:
    """Count how lists grew by week."""
    growing.count_weeks()


@shared_task(name="events.send_reports")
def send_reports(**_unknown: Any) -> None:
    """Send the reports whose moment has come."""
    report_mails.send_due()


@shared_task(name="events.send_webhooks")
def send_webhooks(**_unknown: Any) -> None:
    """Tell other systems what happened; and people, where an endpoint was switched off."""
    webhook_sending.collect()
    webhook_sending.send_due()
    webhook_sending.tell_disabled()


@shared_task(name="events.forget_webhooks")
def forget_webhooks(**_unknown: Any) -> None:
    """Delete the old part of the log of webhooks."""
    webhook_sending.forget_old()


@shared_task(name="events.forget_erased")
def forget_erased(**_unknown: Any) -> None:
    """Remove the dead letters of people who were erased, and heartbeats that nobody will ask for."""
    forgetting.forget_erased()
    completeness.forget_heartbeats()
