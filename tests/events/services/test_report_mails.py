"""Reports by mail: at the moments that were chosen, once, to those who work here."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse

from campaigns.models import Run
from events.models import ReportMail, ReportPlan
from events.selectors import report
from events.services import report_mails
from mailplatform.accounts.models import AuditEntry, User
from mailplatform.core import clock
from tests.factories.accounts import UserFactory, ViewerFactory
from tests.factories.stories import make_finished_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def finished(kept: None) -> int:
    return make_finished_campaign(24).pk


@pytest.fixture
def run(finished: int) -> Run:
    return Run.objects.select_related("campaign").get(pk=finished)


@pytest.fixture
def marketer() -> User:
    return UserFactory.create()


def plan(run: Run | None, *people: User, hours: tuple[int, ...] = (24,)) -> ReportPlan:
    campaign = run.campaign if run else None
    return report_mails.save_plan(campaign=campaign, hours=hours, people=people, actor=None)


def after(run: Run, time_machine: Any, hours: float) -> int:
    assert run.finished_at is not None
    time_machine.move_to(run.finished_at + timedelta(hours=hours), tick=False)
    return report_mails.send_due()


def test_report_goes_out_once_at_its_moment_with_the_figures_of_the_page(
    run: Run, marketer: User, time_machine: Any
) -> None:
    plan(run, marketer)
    assert after(run, time_machine, 23.9) == 0
    assert after(run, time_machine, 24.1) == 1
    assert after(run, time_machine, 24.2) == 0
    (letter,) = mail.outbox
    figures = report.report(run)
    assert letter.to == [marketer.email]
    assert letter.subject == f"“{run.campaign.name}” after 1 day"
    assert f"({figures.clicked} of {figures.trackable_clicks}" in letter.body
    assert letter.body.index("Clicked") < letter.body.index("Opened")
    assert reverse("events:campaign_report", args=[run.campaign.public_id]) in letter.body
    assert ReportMail.objects.get().people == 1


def test_plan_for_all_holds_where_a_campaign_has_none_of_its_own(
    run: Run, marketer: User, time_machine: Any
) -> None:
    plan(None, marketer)
    plan(run, hours=())
    assert after(run, time_machine, 25) == 0
    ReportPlan.objects.filter(campaign=run.campaign).delete()
    assert after(run, time_machine, 25) == 1


def test_nothing_is_sent_long_after_its_moment_or_to_who_left(
    run: Run, marketer: User, time_machine: Any
) -> None:
    plan(run, marketer, hours=(24, 168))
    assert after(run, time_machine, 49) == 0
    User.objects.filter(pk=marketer.pk).update(is_active=False)
    assert after(run, time_machine, 169) == 0
    assert not ReportMail.objects.exists()


def test_what_could_not_be_sent_is_tried_again(
    run: Run, marketer: User, time_machine: Any, settings: Any
) -> None:
    plan(run, marketer)
    settings.EMAIL_BACKEND = "campaigns.mail_backend.SesBackend"
    settings.AWS_REGION = "us-east-1"  # not one of the EEA: nothing may be sent through it
    assert after(run, time_machine, 25) == 0
    assert not ReportMail.objects.exists()
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert after(run, time_machine, 26) == 1


def test_page_plans_and_refuses_what_is_no_moment(client: Client, run: Run, marketer: User) -> None:
    address = reverse("events:campaign_report_mails", args=[run.campaign.public_id])
    client.force_login(ViewerFactory.create())
    assert client.get(address).status_code == 403
    client.force_login(marketer)
    assert client.post(address, {"hours": ["5"], "people": [marketer.pk]}).status_code == 422
    assert client.post(address, {"hours": ["24", "168"], "people": [marketer.pk]}).status_code == 302
    found = ReportPlan.objects.get(campaign=run.campaign)
    assert (found.hours, list(found.people.all())) == ([24, 168], [marketer])
    assert AuditEntry.objects.filter(action="report.planned").count() == 1
    ReportMail.objects.create(run=run, hours=24, people=1, at=clock.now())
    text = client.get(address).content.decode()
    assert "Sent so far" in text
    assert text.count("checked") == 3
    general = reverse("events:report_mails")
    assert client.post(general, {"hours": ["72"], "people": []}).status_code == 302
    assert ReportPlan.objects.get(campaign=None).hours == [72]
    with pytest.raises(report_mails.NoSuchMoment):
        plan(run, marketer, hours=(5,))
