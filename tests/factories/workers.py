"""Real Celery workers in processes of their own, on the test's database and Redis."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import connections

from mailplatform.celery import app
from mailplatform.sandbox.testing import RunningSandbox

ALL_QUEUES = "urgent,sending,ingest,default"


def database_url() -> str:
    """The test database as the application's role sees it."""
    parameters = connections["default"].settings_dict
    user, password = quote(parameters["USER"]), quote(parameters["PASSWORD"])
    query = urlencode({"host": parameters["HOST"]})
    port = f":{parameters['PORT']}" if parameters["PORT"] else ""
    return f"postgresql://{user}:{password}@{port}/{parameters['NAME']}?{query}"


def environment(sandbox: RunningSandbox, **more: str) -> dict[str, str]:
    """What a worker process needs to find everything."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "PYTEST_"))}
    return {
        **kept,
        **sandbox.environment,
        "DATABASE_URL": database_url(),
        "REDIS_URL": settings.REDIS_URL,
        **more,
    }


@contextlib.contextmanager
def worker(sandbox: RunningSandbox, **more: str) -> Iterator["subprocess.Popen[bytes]"]:
    """A worker with one child process; killed at the end, children and all."""
    command = [sys.executable, "-m", "celery", "-A", "mailplatform", "worker", "-Q", ALL_QUEUES, "-c", "1"]
    process = subprocess.Popen(
        [*command, "-l", "ERROR", "--without-gossip", "--without-mingle", "--without-heartbeat"],
        env=environment(sandbox, **more),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        kill(process)


def kill(process: "subprocess.Popen[Any]") -> None:
    """kill -9 for the worker and its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def empty_queues() -> None:
    """Forget what earlier tests enqueued."""
    app.control.purge()
    with app.connection_or_acquire() as connection:
        for queue in ALL_QUEUES.split(","):
            connection.default_channel.queue_purge(queue)
