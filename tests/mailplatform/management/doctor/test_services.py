import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from celery.contrib.testing.worker import start_worker
from pytest_django import Settings

from campaigns.models import ScheduleTick
from mailplatform.celery import app
from mailplatform.core import clock
from mailplatform.management.doctor import Level, services
from tests.factories.site_faults import redis_of_its_own
from tests.factories.smtp import fake_smtp

HOUR = dt.timedelta(hours=1)


def levels(found: Any) -> dict[str, Level]:
    return {finding.subject: finding.level for finding in found}


def test_a_redis_that_was_stopped(settings: Settings, tmp_path: Path) -> None:
    server, settings.REDIS_URL = redis_of_its_own(tmp_path)
    assert levels(services.redis_and_workers())["Redis"] is Level.OK
    server.terminate()
    server.wait(10)
    (found,) = services.redis_and_workers()
    assert found.level is Level.ERROR
    assert "start it, or mend REDIS_URL" in found.detail


@pytest.mark.drill
def test_no_worker_and_one_that_leaves_queues_alone() -> None:
    assert levels(services.redis_and_workers())["Workers"] is Level.ERROR
    with start_worker(app, queues=["sending", "default"], perform_ping_check=False, shutdown_timeout=20):
        found = next(each for each in services.redis_and_workers() if each.subject == "Workers")
    assert found.level is Level.ERROR
    assert "none works on urgent, ingest" in found.detail
    assert "-Q urgent" in found.detail


@pytest.mark.django_db
def test_a_scheduler_that_never_ran_or_stopped() -> None:
    assert levels(services.scheduler()) == {"Scheduler": Level.ERROR}
    tick = ScheduleTick.objects.create(at=clock.now())
    assert levels(services.scheduler()) == {"Scheduler": Level.OK}
    tick.at -= HOUR
    tick.save()
    (found,) = services.scheduler()
    assert found.level is Level.ERROR
    assert "start `celery -A mailplatform beat`" in found.detail


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("seconds", "level"), [(0, Level.OK), (20, Level.WARNING), (-20, Level.WARNING), (300, Level.ERROR)]
)
def test_a_clock_that_is_wrong(settings: Settings, tmp_path: Path, seconds: int, level: Level) -> None:
    file = tmp_path / "clock"
    file.write_text(str(seconds))
    settings.CLOCK_FILE = str(file)
    (found,) = services.clock_of_postgres()
    assert found.level is level
    assert ("NTP" in found.detail) == (level is not Level.OK)


def test_an_smtp_server_that_answers_and_one_that_does_not(settings: Settings) -> None:
    with fake_smtp() as fake:
        settings.SMTP_URL = fake.url
        (found,) = services.smtp_server()
        assert (found.level, found.detail) == (Level.OK, "fake.example")
    settings.SMTP_URL = "smtp://127.0.0.1:1"
    (found,) = services.smtp_server()
    assert found.level is Level.ERROR
    assert "mend SMTP_URL" in found.detail
