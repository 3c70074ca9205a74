"""Postgres, Redis, the workers, the scheduler, and whether their clocks agree."""

import datetime as dt
from collections.abc import Iterator
from typing import Final

import redis
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from campaigns.models import ScheduleTick
from campaigns.sending import smtp
from mailplatform.aws import errors
from mailplatform.aws.checkup import Finding, Level
from mailplatform.core import clock
from subscribers.selectors import register

WORKER_SECONDS: Final = 2.0
SMTP_SECONDS: Final = 10.0
# The queues that somebody must work on, and what starts a worker for them.
QUEUES: Final = {
    "sending": "celery -A mailplatform worker -n sender@%h -Q sending -c 2",
    "urgent": "celery -A mailplatform worker -n urgent@%h -Q urgent -P threads -c 4",
    "ingest": "celery -A mailplatform worker -n worker@%h -Q ingest,default -c 2",
    "default": "celery -A mailplatform worker -n worker@%h -Q ingest,default -c 2",
}
# It looks every three seconds; beat and a worker may be slow, but not so slow.
SCHEDULER_LATE: Final = dt.timedelta(minutes=2)
# The sender does not sign when the clocks differ by a minute; Amazon refuses after five.
CLOCK_WARNS: Final = dt.timedelta(seconds=10)
CLOCK_FAILS: Final = dt.timedelta(seconds=60)


def database() -> Iterator[Finding]:
    """Look whether Postgres answers, at the role of the application and at the tables."""
    try:
        warnings = register.role_warnings()
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except DatabaseError as error:
        words = " ".join(str(error).split())
        yield Finding(Level.ERROR, "Postgres", f"{words}: start it, or mend DATABASE_URL")
        return
    yield Finding(Level.OK, "Postgres")
    for warning in warnings:
        detail = f"{warning} Set DATABASE_URL and DATABASE_OWNER_URL to two roles, then run setup_database."
        yield Finding(Level.ERROR, "Database role", detail)
    if not warnings:
        yield Finding(Level.OK, "Database role", "may add to the consent ledger and not change it")
    if missing:
        detail = f"{len(missing)} migrations are missing: run `manage.py setup_database`"
        yield Finding(Level.ERROR, "Tables", detail)
    else:
        yield Finding(Level.OK, "Tables", "up to date")


def smtp_server() -> Iterator[Finding]:
    """Speak to the SMTP server that sends in the place of Amazon SES, up to its greeting."""
    to = smtp.server()
    assert to is not None
    transport = smtp.SmtpTransport(to, connect_timeout=SMTP_SECONDS, read_timeout=SMTP_SECONDS)
    try:
        greeting = transport.probe()
    except errors.SesError as error:
        yield Finding(
            Level.ERROR, "SMTP server", f"{error}: mend SMTP_URL or SMTP_PASSWORD, or start the server"
        )
        return
    finally:
        transport.close()
    yield Finding(Level.OK, "SMTP server", greeting)


def clock_of_postgres() -> Iterator[Finding]:
    """Hold the clock of this machine against that of Postgres, by which leases are judged."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (there,) = cursor.fetchone()
    yield judged_clock("Clock", clock.now() - there, "Postgres")


def judged_clock(subject: str, error: dt.timedelta, whose: str) -> Finding:
    """Say whether our clock, ahead of another by `error`, will do."""
    seconds = error.total_seconds()
    words = f"is {abs(seconds):,.0f} s {'ahead of' if seconds > 0 else 'behind'} that of {whose}"
    cure = "set it by NTP (chrony or systemd-timesyncd)"
    if abs(error) >= CLOCK_FAILS:
        return Finding(Level.ERROR, subject, f"{words}, so nothing is sent: {cure}")
    if abs(error) >= CLOCK_WARNS:
        return Finding(Level.WARNING, subject, f"{words}: {cure}")
    return Finding(Level.OK, subject, f"agrees with that of {whose}")


def redis_and_workers() -> Iterator[Finding]:
    """Look for Redis, and for a worker behind each queue."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        yield Finding(
            Level.ERROR, "Redis", f"{error}: sending waits until it is back; start it, or mend REDIS_URL"
        )
        return
    finally:
        client.close()
    yield Finding(Level.OK, "Redis")
    answers = current_app.control.inspect(timeout=WORKER_SECONDS).active_queues() or {}
    served = {queue["name"] for queues in answers.values() for queue in queues}
    lacking = [name for name in QUEUES if name not in served]
    if not answers:
        yield Finding(
            Level.ERROR,
            "Workers",
            f"none answers, so nothing is sent: start `{QUEUES['sending']}` and the others",
        )
    elif lacking:
        cures = "`, `".join(dict.fromkeys(QUEUES[name] for name in lacking))
        yield Finding(Level.ERROR, "Workers", f"none works on {', '.join(lacking)}: start `{cures}`")
    else:
        yield Finding(Level.OK, "Workers", f"{len(answers)} running")


def scheduler() -> Iterator[Finding]:
    """Look when beat last made a worker look for campaigns that are due."""
    tick = ScheduleTick.objects.first()
    cure = "start `celery -A mailplatform beat`, and a worker of the queue `urgent`"
    if tick is None:
        yield Finding(Level.ERROR, "Scheduler", f"never looked for campaigns that are due: {cure}")
    elif clock.now() - tick.at > SCHEDULER_LATE:
        yield Finding(Level.ERROR, "Scheduler", f"has not looked since {tick.at:%Y-%m-%d %H:%M} UTC: {cure}")
    else:
        yield Finding(Level.OK, "Scheduler", f"looked at {tick.at:%H:%M:%S} UTC")
