"""Real Celery workers: stopped, given a message twice, and what their messages hold."""

import base64
import json
import os
import signal
from typing import Any

import pytest
import redis
from django.conf import settings

from campaigns import tasks
from campaigns.models import Batch, Call, Drain, Run
from campaigns.sending import drain
from campaigns.services import runs
from mailplatform.accounts.services import installation
from mailplatform.celery import app
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories import campaigns as factories
from tests.factories import workers
from tests.factories.sending import (
    addresses,
    mailbox,
    make_list,
    make_people,
    make_run,
    states_of,
    store_template,
)
from tests.factories.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = 400


def _slow_run(sandbox: RunningSandbox) -> tuple[Run, Any]:
    """A run that takes several seconds, each call half of one."""
    workers.empty_queues()
    installation.update(actor=None, max_send_rate=100.0)
    sandbox.api.put("account", max_send_rate=100)
    sandbox.api.put("misbehave", latency={"share": 1, "seconds": 0.5})
    audience = make_list()
    people = addresses(make_people(PEOPLE, audience))
    run = make_run(audience)
    store_template(run)
    return run, people


def _some_have_left() -> bool:
    return Call.objects.filter(state="recorded").count() >= 2


@pytest.mark.drill
@pytest.mark.parametrize("whom", ["the worker", "the whole group"])
def test_a_worker_that_is_asked_to_stop_ends_in_seconds_and_leaves_nothing_open(
    sandbox: RunningSandbox, whom: str
) -> None:
    run, people = _slow_run(sandbox)
    with workers.worker(sandbox) as process:
        tasks.drain_run.delay(run_id=run.pk)
        wait_for(_some_have_left)
        if whom == "the worker":
            process.terminate()
        else:
            os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert not Call.objects.filter(state="in_flight").exists()
    assert not Batch.objects.filter(state="claimed").exists()
    assert not Drain.objects.exists()
    assert set(states_of(run)) == {"accepted"}
    assert states_of(run).total() < PEOPLE
    sandbox.api.put("misbehave")
    drain.drain(run.pk, seconds=60)
    assert mailbox(sandbox, run) == people
    assert states_of(run) == {"accepted": PEOPLE}


@pytest.mark.drill
def test_a_message_that_the_broker_hands_out_again_doubles_nothing(sandbox: RunningSandbox) -> None:
    run, people = _slow_run(sandbox)
    with workers.worker(sandbox), workers.worker(sandbox):
        tasks.drain_run.delay(run_id=run.pk)
        wait_for(_some_have_left)
        _hand_out_again()
        wait_for(lambda: Run.objects.get(pk=run.pk).state == "sent")
    assert mailbox(sandbox, run) == people
    assert states_of(run) == {"accepted": PEOPLE}


def _hand_out_again() -> None:
    """What kombu does when the visibility time-out of a message has passed: put it back into its queue."""
    options = {**settings.CELERY_BROKER_TRANSPORT_OPTIONS, "visibility_timeout": 0}
    with app.connection_for_write(transport_options=options) as connection:
        channel: Any = connection.default_channel
        waiting = channel.client.zcard(channel.unacked_index_key)
        assert waiting, "no worker holds a message"
        channel.qos.restore_visible(num=100)


def test_messages_hold_ids_and_nobodys_data(
    sandbox: RunningSandbox, redis_client: "redis.Redis[bytes]"
) -> None:
    workers.empty_queues()
    audience = make_list()
    people = make_people(3, audience)
    campaign = factories.make_campaign()
    campaign.lists.add(audience)
    run = runs.launch(campaign=campaign, actor=None, confirmed_count=3)
    tasks.drain_run.delay(run_id=run.pk)
    found = [message for queue in ("urgent", "sending") for message in redis_client.lrange(queue, 0, -1)]
    assert len(found) == 2
    for message in found:
        envelope = json.loads(message)
        args, kwargs, _ = json.loads(base64.b64decode(envelope["body"]))
        assert (args, kwargs) == ([], {"run_id": run.pk})
        text = message.decode() + json.dumps(kwargs)
        for person in people:
            assert person.email not in text
        assert "example.com" not in text
        assert campaign.subject not in text or not campaign.subject
    workers.empty_queues()


@pytest.mark.drill
def test_a_broker_that_is_away_is_no_error_of_the_page() -> None:
    with app.connection_for_write("redis+socket:///nonexistent/redis.sock") as connection:
        message: Any = tasks.drain_run.apply_async(kwargs={"run_id": 1}, connection=connection, retry=False)
    assert not message


def test_celery_is_set_up_so_that_nothing_is_lost_or_kept() -> None:
    conf: Any = app.conf
    assert conf.task_acks_late
    assert conf.worker_prefetch_multiplier == 1
    assert conf.result_backend is None
    assert conf.broker_transport_options["visibility_timeout"] > 2 * 300
    assert conf.worker_max_tasks_per_child
    assert conf.worker_max_memory_per_child
    assert tasks.drain_run.expires == tasks.EXPIRES_S
