"""A launch on one side, Celery and HTTP in between, a mailbox on the other."""

import pytest

from campaigns.models import Run
from campaigns.services import runs
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories import campaigns as factories
from tests.factories import workers
from tests.factories.sending import addresses, mailbox, make_list, make_people, states_of
from tests.factories.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_launched_campaign_arrives(sandbox: RunningSandbox) -> None:
    workers.empty_queues()
    audience = make_list()
    people = make_people(180, audience)
    without_basis = make_people(20, audience, basis="none")
    campaign = factories.make_campaign()
    campaign.lists.add(audience)
    with workers.worker(sandbox):
        run = runs.launch(campaign=campaign, actor=None, confirmed_count=180)
        wait_for(lambda: Run.objects.get(pk=run.pk).state not in {"preparing", "sending"})
    run.refresh_from_db()
    assert (run.state, run.audience, run.pause_reason) == ("sent", 200, "")
    assert states_of(run) == {"accepted": 180, "skipped": 20}
    assert mailbox(sandbox, run) == addresses(people)
    assert not mailbox(sandbox, run) & addresses(without_basis)
