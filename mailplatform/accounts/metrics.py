"""What a monitoring system may know about the installation as a whole."""

from collections.abc import Iterator

import redis
from django.conf import settings

from mailplatform.core.metrics import Metric, Sample, register

QUEUES = ("urgent", "sending", "ingest", "default")


def connect() -> None:
    """Tell the core what can be measured here; called once, as the process starts."""
    register(Metric("mailplatform_queue_depth", "Tasks that wait for a worker, by queue.", _queues))


def _queues() -> Iterator[Sample]:
    client = redis.Redis.from_url(settings.REDIS_URL)
    try:
        for name in QUEUES:
            # Celery keeps a queue as a list of that name in the same database.
            yield Sample(int(client.llen(name)), {"queue": name})
    finally:
        client.close()
