"""What `manage.py doctor` looks at. Each part yields findings, whose detail ends with the cure where one is needed."""

from collections.abc import Iterator

from campaigns.sending import smtp
from mailplatform.aws.checkup import Finding, Level

from . import amazon, files, schedules, services, site

__all__ = ["Finding", "Level", "examine"]


def examine() -> Iterator[Finding]:
    """Yield all findings. Without a database or its tables the rest cannot be known."""
    failed = False
    for finding in services.database():
        failed = failed or (finding.level is Level.ERROR and finding.subject in {"Postgres", "Tables"})
        yield finding
    if failed:
        return
    yield from services.clock_of_postgres()
    yield from services.redis_and_workers()
    yield from services.scheduler()
    yield from files.keys()
    yield from files.storage()
    yield from files.disk()
    yield from site.restored()
    yield from site.events()
    yield from site.public_address()
    yield from site.domains()
    yield from (amazon.account() if smtp.server() is None else services.smtp_server())
    yield from amazon.buckets()
    yield from schedules.firings()
