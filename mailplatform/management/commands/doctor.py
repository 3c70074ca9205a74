"""`manage.py doctor`: looks at everything that mail depends on, and says what is wrong and what to do."""

import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import redis
import urllib3
from celery import current_app
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from events.selectors import intake
from mailplatform.accounts import vault
from mailplatform.accounts.services import installation
from mailplatform.aws import buckets as bucket_check
from mailplatform.aws import checkup, session
from mailplatform.aws.checkup import Finding, Level
from subscribers.models import StorageCopyKind
from subscribers.selectors import register, storage_copies

from .provision import endpoint_url

WORKER_SECONDS = 2.0
SITE_SECONDS = 5.0
LATE_SECONDS = 600


class Command(BaseCommand):
    """Prints one line per thing looked at; exit code 1 when one is an error."""

    help = "Check database roles, Redis, workers, keys, public address and the AWS account."

    def handle(self, *args: Any, **options: Any) -> None:
        """Look at everything, also when something is wrong."""
        errors = 0
        for finding in examine():
            errors += finding.level is Level.ERROR
            self.stdout.write(
                f"{finding.level.upper():8} {finding.subject}: {finding.detail or 'as it should be'}"
            )
        if errors:
            raise CommandError(f"{errors} thing{'s' if errors > 1 else ''} must be mended.")


def examine() -> Iterator[Finding]:
    """Yield all findings; without a database the rest cannot be known."""
    try:
        yield from database()
    except DatabaseError as error:
        yield Finding(Level.ERROR, "Postgres", str(error).strip())
        return
    yield from services()
    yield from keys()
    yield from copies()
    yield from events()
    yield public_address()
    yield from amazon()


def database() -> Iterator[Finding]:
    """Look at the role of the application and at the tables."""
    warnings = register.role_warnings()
    yield from (Finding(Level.ERROR, "Database role", warning) for warning in warnings)
    if not warnings:
        yield Finding(Level.OK, "Database role", "may add to the consent ledger and not change it")
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        yield Finding(
            Level.ERROR, "Tables", f"{len(missing)} migrations are missing: run `manage.py setup_database`"
        )
    else:
        yield Finding(Level.OK, "Tables", "up to date")


def services() -> Iterator[Finding]:
    """Look for Redis and for a worker behind it."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        yield Finding(Level.ERROR, "Redis", f"{error}: sending waits until it is back")
        return
    finally:
        client.close()
    yield Finding(Level.OK, "Redis")
    workers = current_app.control.ping(timeout=WORKER_SECONDS)
    if workers:
        yield Finding(Level.OK, "Workers", f"{len(workers)} running")
    else:
        yield Finding(Level.ERROR, "Workers", "none answers: nothing is sent")


def events() -> Iterator[Finding]:
    """Look at the way in of Amazon's events: is somebody listening, how late are they, what waits."""
    state = intake.intake()
    if state.listening_at is None:
        yield Finding(Level.WARNING, "Events", "no server has listened for them yet")
    elif not state.is_listening:
        yield Finding(Level.ERROR, "Events", f"nobody listens since {state.listening_at:%Y-%m-%d %H:%M} UTC")
    elif state.worst_lag_s is not None and state.worst_lag_s > LATE_SECONDS:
        yield Finding(Level.WARNING, "Events", f"one in a hundred comes {state.worst_lag_s:,.0f} s late")
    else:
        lag = f", {state.typical_lag_s:.1f} s after they happen" if state.typical_lag_s is not None else ""
        yield Finding(Level.OK, "Events", f"{state.events:,} in the last 15 minutes{lag}")
    if state.waiting:
        detail = f"{state.waiting:,} messages could not be taken in: see Settings, Undelivered events"
        yield Finding(Level.WARNING, "Dead letters", detail)
    if state.lacks_next_month:
        detail = "the table of next month is missing: is the scheduler (celery beat) running?"
        yield Finding(Level.ERROR, "Event months", detail)


def keys() -> Iterator[Finding]:
    """Look whether the secrets are there and only ours to read."""
    path = Path(settings.LEDGER_KEY_FILE)
    if not path.exists():
        yield Finding(Level.WARNING, "Ledger key", f"{path} does not exist yet; the first consent makes it")
    elif path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding(Level.ERROR, "Ledger key", f"others may read {path}: chmod 600 it")
    else:
        yield Finding(Level.OK, "Ledger key", str(path))
    checkpoints = Path(settings.LEDGER_CHECKPOINT_FILE)
    if checkpoints.exists() and not checkpoints.stat().st_mode & stat.S_IWUSR:
        yield Finding(Level.ERROR, "Checkpoints", f"{checkpoints} cannot be written")
    try:
        installation.credentials()
    except vault.SecretUnreadable as error:
        yield Finding(Level.ERROR, "Amazon secret key", str(error))


def copies() -> Iterator[Finding]:
    """Look whether the nightly copies in the storage are made."""
    for kind in StorageCopyKind:
        for warning in storage_copies.warnings(storage_copies.of(kind)):
            yield Finding(Level.ERROR, "Storage", warning)


def public_address() -> Finding:
    """Ask our own public address for its health, as a reader's mail program would reach it."""
    url = installation.public_url()
    if not url.startswith("https://") and not installation.is_sandbox():
        return Finding(Level.ERROR, "Public address", f"{url} must begin with https://")
    try:
        answer = urllib3.request("GET", f"{url}/healthz", timeout=SITE_SECONDS, retries=False, redirect=False)
    except urllib3.exceptions.HTTPError as error:
        return Finding(Level.ERROR, "Public address", f"{url} does not answer: {error}")
    if answer.status != 200:
        return Finding(Level.ERROR, "Public address", f"{url}/healthz answers {answer.status}")
    return Finding(Level.OK, "Public address", url)


def amazon() -> Iterator[Finding]:
    """Look at the account with what provisioning wrote down."""
    row = installation.get()
    expected = checkup.Expected(
        account_id=row.account_id,
        prefix=row.configuration_set_prefix,
        topic_arn=row.topic_arns[0] if row.topic_arns else "",
        endpoint=endpoint_url(),
        queue_url=row.dead_letter_queue_url,
        tls_policy=settings.SES_TLS_POLICY,
    )
    try:
        aws = installation.aws_connection()
    except vault.SecretUnreadable:
        return  # said under the keys
    yield from checkup.examine(aws, expected)
    yield from buckets(aws)


def buckets(aws: session.Connection) -> Iterator[Finding]:
    """Look where the buckets really are, unless a storage of one's own stands in for Amazon's."""
    if settings.AWS_ENDPOINT_URLS.get("s3"):
        return
    named = {settings.S3_BUCKET: "S3_BUCKET", settings.LEDGER_BUCKET: "LEDGER_BUCKET"}
    for bucket, setting in named.items():
        if bucket:
            yield bucket_check.examine(replace(aws, region=settings.S3_REGION), bucket, setting)
