"""Queued work: carries ids of runs, and tolerates what it does not know."""

import pytest
from celery import current_app

from campaigns import tasks
from campaigns.models import Run
from campaigns.services import runs
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories import campaigns as factories
from tests.factories.sending import addresses, mailbox, make_list, make_people

pytestmark = pytest.mark.django_db(transaction=True)


def test_names_and_queues() -> None:
    assert tasks.prepare_run.name == "campaigns.prepare_run"
    assert tasks.drain_run.name == "campaigns.drain_run"
    queues = {
        name: current_app.amqp.router.route({}, name)["queue"].name
        for name in (
            "campaigns.prepare_run",
            "campaigns.recover",
            "campaigns.drain_run",
            "events.settle_unresolved",
            "events.check_safety",
            "subscribers.run_import",
        )
    }
    assert list(queues.values()) == ["urgent", "urgent", "sending", "ingest", "urgent", "default"]


def test_a_launch_runs_through_both_tasks(sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(current_app.conf, "task_always_eager", True)
    audience = make_list()
    people = make_people(60, audience)
    campaign = factories.make_campaign()
    campaign.lists.add(audience)
    run = runs.launch(campaign=campaign, actor=None)
    run.refresh_from_db()
    assert run.state == "sent"
    assert mailbox(sandbox, run) == addresses(people)


def test_unknown_arguments_and_unknown_runs_are_no_error() -> None:
    tasks.prepare_run(run_id=4711, added_in_a_later_version=True)
    tasks.drain_run(run_id=4711, added_in_a_later_version=True)
    assert Run.objects.count() == 0
