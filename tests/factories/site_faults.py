"""What can break on the machine of a site: each is broken inside its `with`, and mended after it."""

import datetime as dt
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest
from celery.contrib.testing.worker import start_worker
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

from campaigns.models import ScheduleTick
from mailplatform.celery import app
from mailplatform.core import clock
from mailplatform.embedded import binaries
from tests.factories.subscribers import person
from tests.factories.tls import DAY, speaking_tls, written


def redis_of_its_own(folder: Path) -> tuple["subprocess.Popen[bytes]", str]:
    """Start a Redis, and return it with its address once it listens."""
    path = folder / "redis.sock"
    command = [binaries.find_redis(), "--port", "0", "--unixsocket", path, "--save", "", "--dir", folder]
    server = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL)
    while not path.exists():
        time.sleep(0.01)
    return server, f"unix://{path}?db=0"


@contextmanager
def redis_stopped(folder: Path) -> Iterator[None]:
    server, url = redis_of_its_own(folder)
    server.terminate()
    server.wait(10)
    with override_settings(REDIS_URL=url):
        yield


@contextmanager
def the_owners_role() -> Iterator[None]:
    app, owner = connections["default"], connections["owner"]
    before = {name: app.settings_dict[name] for name in ("USER", "PASSWORD")}
    app.close()
    app.settings_dict.update({name: owner.settings_dict[name] for name in before})
    yield
    app.close()
    app.settings_dict.update(before)


@contextmanager
def beat_stopped() -> Iterator[None]:
    ScheduleTick.objects.update(at=clock.now() - dt.timedelta(minutes=10))
    yield
    ScheduleTick.objects.update(at=clock.now())


@contextmanager
def an_expired_certificate(folder: Path) -> Iterator[None]:
    with (
        speaking_tls(written(folder, clock.now() - DAY, "localhost")) as port,
        override_settings(PUBLIC_URL=f"https://localhost:{port}"),
    ):
        yield


@contextmanager
def a_wrong_clock(folder: Path) -> Iterator[None]:
    file = folder / "clock"
    file.write_text("300")
    with override_settings(CLOCK_FILE=str(file)):
        yield


@contextmanager
def a_disk_that_is_full() -> Iterator[None]:
    """As the system tells it: one block of a hundred is free."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            os, "statvfs", lambda _: SimpleNamespace(f_frsize=4096, f_blocks=100, f_bfree=1, f_bavail=1)
        )
        yield


@contextmanager
def a_ledger_key(folder: Path, mode: int) -> Iterator[None]:
    path = folder / "ledger.pem"
    path.touch()
    path.chmod(mode)
    with override_settings(LEDGER_KEY_FILE=str(path)):
        yield


@contextmanager
def a_lost_ledger_key(folder: Path) -> Iterator[None]:
    """After the first consent was recorded with it."""
    with override_settings(LEDGER_KEY_FILE=str(folder / "lost.pem")):
        person()
        (folder / "lost.pem").unlink()
        yield


@contextmanager
def uploads_at_a_file(folder: Path) -> Iterator[None]:
    (folder / "taken").touch()
    with override_settings(MEDIA_ROOT=str(folder / "taken")):
        yield


@contextmanager
def migrations_pending() -> Iterator[None]:
    newest = MigrationRecorder.Migration.objects.filter(app="accounts").latest("name")
    newest.delete()
    yield
    newest.save(force_insert=True)


@contextmanager
def half_a_worker() -> Iterator[None]:
    with start_worker(app, queues=["sending", "default"], perform_ping_check=False, shutdown_timeout=20):
        yield
