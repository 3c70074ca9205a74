"""The people of a run and what is to become of the unresolved ones, as people see them."""

import datetime as dt

import pytest
from django.urls import reverse

from campaigns.models import Call, Decision, Delivery, Run
from campaigns.selectors import restores
from campaigns.sending import timing
from campaigns.services import restoring
from mailplatform.core import clock
from tests.browser.conftest import Visitor, sign_in
from tests.factories.accounts import AdminFactory
from tests.factories.events import make_delivery, make_person
from tests.factories.sending import make_list, make_people, make_run
from tests.factories.stories import make_finished_campaign


@pytest.fixture
def admin(visitor: Visitor) -> Visitor:
    sign_in(visitor.page.context, visitor.base, AdminFactory.create())
    return visitor


def _doubtful() -> Run:
    """A sent campaign with three people of whom nobody knows, one who failed, and one who waits to be sent again."""
    run = make_finished_campaign(12)
    lost = [make_person(f"unknown-{number}@example.org") for number in range(3)]
    at = clock.now() - timing.DECISION_FENCE - dt.timedelta(minutes=5)
    call = Call.objects.create(
        run_id=run.pk,
        state="lost",
        subscriber_ids=[person.pk for person in lost],
        configuration_set="mailplatform-none",
        started_at=at - timing.CALL_LEASE,
        lease_until=at,
    )
    for person, reason in zip(lost, ("lost_answer", "worker_lost", "resend"), strict=True):
        make_delivery(run, person, state="unresolved", reason=reason, message_id="-", call_id=call.pk)
    failed = make_person("refused@example.org")
    make_delivery(run, failed, state="failed", reason="invalid_parameter", message_id="-")
    Run.objects.filter(pk=run.pk).update(audience=16)
    Decision.objects.create(run_id=run.pk, subscriber_ids=[lost[2].pk], action="resend")
    return run


def test_unresolved_people_are_looked_at_and_decided(admin: Visitor) -> None:
    run = _doubtful()
    address = reverse("events:unresolved", args=[run.campaign.public_id])
    admin.goto(address)
    admin.page.wait_for_selector("text=did not listen all the time")
    admin.look("unresolved")
    admin.page.get_by_label("Count them as sent").check()
    admin.page.get_by_label("Only the people ticked above").check()
    admin.page.get_by_label("Choose unknown-1@example.org").check()
    admin.page.get_by_label("I have looked at what is known").check()
    admin.page.get_by_role("button", name="Decide").click()
    admin.page.wait_for_selector("text=1 person: counted as sent")
    assert Delivery.objects.filter(state="accepted", reason="decided").count() == 1


def test_recipients_with_reasons(admin: Visitor) -> None:
    run = _doubtful()
    admin.goto(reverse("campaigns:campaign_recipients", args=[run.campaign.public_id]))
    assert "refused the address or another part" in admin.page.inner_text("main")
    admin.look("recipients")


def test_a_restored_installation_is_looked_at(admin: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    # Sequences of empty tables are not put back: other tests find theirs where they expect them.
    monkeypatch.setattr(restoring, "NUMBERS_LEFT_OUT", 10)
    mailing_list = make_list()
    make_people(3, mailing_list)
    run = make_run(mailing_list)
    restoring.lock(taken_at=clock.now() - dt.timedelta(minutes=20), lost_records=2)
    admin.goto(reverse("campaigns:campaign_detail", args=[run.campaign.public_id]))
    assert "3 people may have got it after that" in admin.page.inner_text("main")
    assert admin.page.locator("#progress-resume").is_disabled()
    admin.look("restored campaign")
    admin.page.click("text=Look at them and decide")
    admin.page.wait_for_selector("text=Nobody knows who got this mail after that")
    admin.goto(reverse("campaigns:restored"))
    admin.look("restored installation")
    admin.page.click("#restore-unlock")
    # Who asks has to show who they are first.
    admin.page.wait_for_url("**/account/reauthenticate/**")
    assert restores.is_locked()
