"""From launched to sending, and what can come in between."""

import datetime as dt

import pytest
import time_machine
from pytest_django.fixtures import Settings

from campaigns.models import Batch, Run
from campaigns.sending import prepare
from campaigns.services import runs
from mailplatform.accounts.models import Installation
from mailplatform.core import clock
from mailplatform.sandbox.testing import RunningSandbox
from subscribers.models import MailingList, Segment, Subscription
from tests.factories import campaigns as factories
from tests.factories.sending import make_list, make_people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def audience() -> MailingList:
    made = make_list()
    make_people(3, made)
    return made


def _launched(audience: MailingList) -> Run:
    campaign = factories.make_campaign()
    campaign.lists.add(audience)
    return runs.launch(campaign=campaign, actor=None)


def test_the_template_is_stored_and_the_audience_frozen(
    sandbox: RunningSandbox, audience: MailingList
) -> None:
    run = _launched(audience)
    assert prepare.prepare(run.pk) is True
    run.refresh_from_db()
    assert (run.state, run.campaign.state, run.audience, run.batches) == ("sending", "sending", 3, 1)
    assert run.started_at is not None
    stored = sandbox.client("sesv2").get_email_template(TemplateName=run.template_version.ses_name)
    assert stored["TemplateContent"]["Subject"] == run.template_version.subject


def test_preparing_twice_freezes_once(sandbox: RunningSandbox, audience: MailingList) -> None:
    run = _launched(audience)
    prepare.prepare(run.pk)
    assert prepare.prepare(run.pk) is False
    assert Batch.objects.count() == 1


def test_a_run_that_is_gone_is_no_error(sandbox: RunningSandbox) -> None:
    assert prepare.prepare(4711) is False


def _check_put_off(run: Run, words: str) -> None:
    """It keeps preparing and says why; too long after its launch it fails and says why."""
    assert prepare.prepare(run.pk) is False
    run.refresh_from_db()
    assert run.state == "preparing"
    assert words in run.pause_reason
    with time_machine.travel(clock.now() + dt.timedelta(minutes=16), tick=True):
        assert prepare.prepare(run.pk) is False
    run.refresh_from_db()
    assert (run.state, run.campaign.state) == ("failed", "failed")
    assert words in run.pause_reason


def test_ses_away_puts_the_run_off(site: Installation, audience: MailingList, settings: Settings) -> None:
    run = _launched(audience)
    settings.AWS_ENDPOINT_URLS = {"sesv2": "http://127.0.0.1:9"}
    _check_put_off(run, "could not be reached")


def test_a_secret_that_cannot_be_read_puts_the_run_off(
    site: Installation, audience: MailingList, settings: Settings
) -> None:
    run = _launched(audience)
    settings.SECRET_KEY = "another"
    _check_put_off(run, "SECRET_KEY has changed")


def test_sql_that_breaks_puts_the_run_off(sandbox: RunningSandbox, audience: MailingList) -> None:
    run = _launched(audience)
    run.frozen["list_ids"] = ["no number"]
    run.save()
    _check_put_off(run, "Internal error, see the log: DataError")
    assert Batch.objects.count() == 0


def test_a_run_that_was_put_off_starts_when_nothing_is_in_the_way(
    sandbox: RunningSandbox, audience: MailingList, settings: Settings
) -> None:
    run = _launched(audience)
    there, settings.AWS_ENDPOINT_URLS = settings.AWS_ENDPOINT_URLS, {"sesv2": "http://127.0.0.1:9"}
    assert prepare.prepare(run.pk) is False
    settings.AWS_ENDPOINT_URLS = there
    assert prepare.prepare(run.pk) is True
    run.refresh_from_db()
    assert (run.state, run.pause_reason) == ("sending", "")


def test_nobody_left_fails_the_run(sandbox: RunningSandbox, audience: MailingList) -> None:
    run = _launched(audience)
    Subscription.objects.all().delete()
    assert prepare.prepare(run.pk) is False
    run.refresh_from_db()
    assert run.state == "failed"
    assert run.pause_reason == "Nobody was left in the audience when it was frozen."


def test_a_segment_that_broke_meanwhile_fails_the_run(sandbox: RunningSandbox, audience: MailingList) -> None:
    run = _launched(audience)
    run.frozen["segment_ids"] = [4711]
    run.save()
    assert prepare.prepare(run.pk) is False
    run.refresh_from_db()
    assert run.state == "failed"
    assert "4711" in run.pause_reason
    assert Segment.objects.count() == 0
