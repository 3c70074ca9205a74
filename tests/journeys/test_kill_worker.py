"""A worker dies in the middle of a run, at any instant: nobody is mailed twice and nobody is missed."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from campaigns import periodic
from campaigns.models import Call, Delivery, Drain, Run
from campaigns.sending import recover
from campaigns.services import runs
from mailplatform.accounts.models import Installation
from mailplatform.accounts.services import installation
from mailplatform.sandbox.testing import RunningSandbox, running_sandbox
from tests.factories import campaigns as factories
from tests.factories import workers
from tests.factories.sending import addresses, expire, mailbox, make_list, make_people, provision, states_of
from tests.factories.waiting import wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.drill]

PEOPLE = 900


@pytest.fixture
def slow_sandbox(site: Installation, settings: Settings) -> Iterator[RunningSandbox]:
    """Takes a tenth of a second per call, so that a kill meets calls in flight."""
    with running_sandbox(max_send_rate=200.0, max_24_hour_send=1e6) as running:
        provision(running, settings)
        running.api.put("misbehave", latency={"share": 1, "seconds": 0.1})
        installation.update(actor=None, max_send_rate=200.0)
        yield running


@pytest.mark.parametrize("after", [50, 300])
def test_kill_nine_in_the_middle_of_a_run(slow_sandbox: RunningSandbox, after: int) -> None:
    workers.empty_queues()
    audience = make_list()
    people = make_people(PEOPLE, audience)
    campaign = factories.make_campaign()
    campaign.lists.add(audience)
    with workers.worker(slow_sandbox) as first:
        run = runs.launch(campaign=campaign, actor=None)
        wait_for(lambda: Delivery.objects.filter(run_id=run.pk).count() >= after)
        wait_for(lambda: Call.objects.filter(run_id=run.pk, state="in_flight").exists())
        workers.kill(first)
    run.refresh_from_db()
    assert run.state == "sending"
    in_doubt = sum(len(call.subscriber_ids) for call in Call.objects.filter(state="in_flight"))
    _let_leases_run_out()
    assert states_of(run)["unresolved"] == in_doubt
    workers.empty_queues()
    with workers.worker(slow_sandbox):
        periodic.reissue()
        wait_for(lambda: Run.objects.get(pk=run.pk).state == "sent")
    found = states_of(run)
    arrived = mailbox(slow_sandbox, run)
    assert found.total() == PEOPLE
    assert found["accepted"] + found["unresolved"] == PEOPLE
    assert set(arrived.values()) == {1}
    assert not arrived - addresses(people)
    accepted = Delivery.objects.filter(run_id=run.pk, state="accepted").values_list(
        "subscriber_id", flat=True
    )
    by_id = {person.pk: person.email for person in people}
    assert {by_id[id_] for id_ in accepted} <= set(arrived)


def _let_leases_run_out() -> None:
    expire()
    assert recover.recover().calls > 0
    # Beat would wait for the drain's lease.
    Drain.objects.all().delete()
