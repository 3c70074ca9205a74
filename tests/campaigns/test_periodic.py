"""What beat does."""

import datetime as dt
from typing import Any

import pytest

from campaigns import periodic, tasks
from campaigns.models import Batch, Campaign, Drain, Run, RunState
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.celery import app
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories import campaigns as factories
from tests.factories.sending import make_list, make_people, make_run

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def enqueued(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """What would have gone to the broker."""
    found: list[tuple[str, int]] = []
    for task in (tasks.prepare_run, tasks.drain_run):
        monkeypatch.setattr(
            task, "delay", lambda *, run_id, name=task.name, **_: found.append((name, run_id))
        )
    return found


def _run(**changes: Any) -> Run:
    audience = make_list()
    make_people(1, audience)
    run = make_run(audience)
    Run.objects.filter(pk=run.pk).update(**changes)
    return run


def test_runs_without_a_drain_get_one(site: Installation, enqueued: list[tuple[str, int]]) -> None:
    now = clock.now()
    free, expired, served = _run(), _run(), _run()
    Drain.objects.create(run_id=expired.pk, lease_until=now - dt.timedelta(seconds=1))
    Drain.objects.create(run_id=served.pk, lease_until=now + dt.timedelta(seconds=30))
    _run(state=RunState.PAUSED)
    left = factories.make_run(state=RunState.PREPARING)
    Run.objects.filter(pk=left.pk).update(launched_at=now - dt.timedelta(minutes=1))
    factories.make_run(state=RunState.PREPARING)
    periodic.reissue()
    assert enqueued == [
        ("campaigns.prepare_run", left.pk),
        ("campaigns.drain_run", free.pk),
        ("campaigns.drain_run", expired.pk),
    ]


def test_expired_leases_are_taken_over(site: Installation) -> None:
    run = _run()
    past = clock.now() - dt.timedelta(seconds=1)
    Batch.objects.filter(run_id=run.pk).update(state="claimed", lease_until=past)
    periodic.recover_leases()
    assert Batch.objects.get(run_id=run.pk).state == "waiting"


def test_due_campaigns_start(site: Installation, enqueued: list[tuple[str, int]]) -> None:
    audience = make_list()
    make_people(1, audience)
    campaign = factories.make_campaign(state="scheduled", scheduled_at=clock.now())
    campaign.lists.add(audience)
    periodic.start_due()
    assert Campaign.objects.get().state == "preparing"
    assert [name for name, _ in enqueued] == ["campaigns.prepare_run"]


def test_the_account_is_kept_fresh(sandbox: RunningSandbox) -> None:
    installation.update(actor=None, max_send_rate=1.0)
    periodic.refresh_account()
    assert installation.get().max_send_rate == 2000.0


def test_an_unreadable_account_is_no_error(site: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("django.conf.settings.AWS_ENDPOINT_URLS", {"sesv2": "http://127.0.0.1:9"})
    periodic.refresh_account()


def test_beat_knows_tasks_that_exist() -> None:
    app.loader.import_default_modules()
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
