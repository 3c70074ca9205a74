import uuid
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from kombu.exceptions import OperationalError

from campaigns.models import Campaign
from events import periodic
from events.models import Trigger
from events.services import account_progress, provisioning
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.core import clock
from mailplatform.sandbox import constants
from mailplatform.sandbox.testing import RunningSandbox
from tests.factories.accounts import AdminFactory, sign_in
from tests.factories.aws import SERVICES, WEEKLY
from tests.factories.campaigns import make_campaign

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client: Client, settings: Any) -> Client:
    account_progress.forget()
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, "http://127.0.0.1:9")
    settings.AWS_ACCESS_KEY_ID, settings.AWS_SECRET_ACCESS_KEY = constants.ACCESS_KEY, constants.SECRET_KEY
    settings.AWS_REGION, settings.PUBLIC_URL = "eu-central-1", "https://news.example.eu"
    sign_in(client, AdminFactory.create())
    return client


@pytest.fixture
def sandbox(settings: Any, admin: Client, shared_sandbox: RunningSandbox) -> RunningSandbox:
    settings.AWS_ENDPOINT_URLS = dict.fromkeys(SERVICES, shared_sandbox.url)
    prefix = f"t{uuid.uuid4().hex[:8]}"
    installation.update(
        actor=None,
        configuration_set_prefix=prefix,
        provisioning={"identities": [f"{prefix}.example.eu"], "without": ["subscription"]},
    )
    return shared_sandbox


def page(admin: Client) -> str:
    return admin.get(reverse("events:amazon")).content.decode()


def test_before_the_first_look_it_says_what_is_wanted(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(15):
        text = page(admin)
    assert "Not compared yet" in text
    assert "https://news.example.eu/sns/events/" in text


def test_a_look_changes_nothing_and_an_apply_does(sandbox: RunningSandbox, admin: Client) -> None:
    account_progress.begin("plan")
    periodic.work_on_account(act="plan")
    assert "to create, " in page(admin)
    assert installation.get().account_id == ""
    account_progress.begin("apply")
    periodic.work_on_account(act="apply")
    assert f"made or changed in account {constants.ACCOUNT_ID}" in page(admin)
    assert AuditEntry.objects.filter(action="aws.provisioned").exists()
    row = installation.get()
    assert row.provisioning["without"] == ["subscription"]
    assert provisioning.differences() == []
    account_progress.begin("plan")
    periodic.work_on_account(act="plan")
    assert "Nothing to do: the account is as it should be." in page(admin)
    provisioning.destroy(provisioning.wanted(), lambda *_: None)
    assert installation.get().topic_arns == []


def test_a_schedule_that_is_no_longer_wanted_is_planned_to_go_and_goes(sandbox: RunningSandbox) -> None:
    chosen = {"schedules": (WEEKLY,), "without": frozenset({"subscription", "buckets", "monitoring"})}
    provisioning.apply(provisioning.wanted(chosen), lambda *_: None)
    rule = f"{installation.get().configuration_set_prefix}-weekly"
    none = provisioning.wanted({"schedules": ()})
    planned = [(step.action, step.resource.key) for step in provisioning.differences(none)]
    assert planned[-1] == ("remove", f"EventBridge rule {rule}")
    told: list[str] = []
    provisioning.apply(none, lambda outcome, what: told.append(f"{outcome} {what}"))
    assert f"removed EventBridge rule {rule}" in told
    assert provisioning.differences() == []
    provisioning.destroy(provisioning.wanted(), lambda *_: None)


def test_what_amazon_says_is_shown_with_what_to_do(admin: Client) -> None:
    account_progress.begin("apply")
    periodic.work_on_account(act="apply")
    assert "Amazon did not answer" in page(admin)
    assert "it goes on where it stopped" in page(admin)


def test_two_at_once_and_unknown_acts_are_refused(admin: Client) -> None:
    account_progress.begin("plan")
    assert "every 2s" in page(admin)
    response = admin.post(reverse("events:amazon"), {"act": "plan"}, follow=True)
    assert "A worker is at it already." in response.content.decode()
    account_progress.forget()
    assert admin.post(reverse("events:amazon"), {"act": "everything"}).status_code == 400


def test_without_redis_the_page_opens_and_work_goes_on(
    admin: Client, settings: Any, monkeypatch: Any
) -> None:
    def away(**_: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(periodic.work_on_account, "delay", away)
    response = admin.post(reverse("events:amazon"), {"act": "plan"}, follow=True)
    assert "Nothing was started" in response.content.decode()
    assert account_progress.state() is None
    backend = settings.CACHES["default"]["BACKEND"]
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "unix:///nonexistent/redis.sock"}}
    periodic.work_on_account(act="plan")
    assert "Not compared yet" in page(admin)


def test_a_schedule_shows_the_event_that_it_names(admin: Client) -> None:
    chosen = {"name": "daily", "expression": "rate(1 day)", "campaign": "", "event": "price-list"}
    installation.update(actor=None, provisioning={"schedules": [chosen]})
    text = page(admin)
    assert "<code>price-list</code>" in text
    assert reverse("events:webhook_list") in text
    assert "is gone" not in text


def test_a_schedule_shows_its_campaign_and_why_it_was_refused(admin: Client) -> None:
    campaign: Campaign = make_campaign(name="Weekly letter")
    chosen = {"name": "weekly", "expression": "rate(7 days)", "campaign": str(campaign.public_id)}
    installation.update(actor=None, provisioning={"schedules": [chosen]})
    Trigger.objects.create(
        rule="weekly", scheduled_at=clock.now(), campaign=campaign, refused="It is not approved."
    )
    text = page(admin)
    assert "Weekly letter" in text
    assert "It is not approved." in text
