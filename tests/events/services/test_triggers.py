"""A schedule at Amazon starts a copy of a campaign: once for each time, and not without a person's leave."""

import datetime as dt
import json
from typing import Any

import pytest
from django.test import override_settings

from campaigns.models import Campaign, CampaignState
from campaigns.services import sending_settings, triggered
from events.envelope import SnsMessage
from events.models import DeadLetter, Trigger, WebhookDelivery, WebhookType
from events.selectors import webhooks as selector
from events.services import triggers, webhooks
from mailplatform.accounts.models import AuditEntry
from mailplatform.accounts.services import installation
from mailplatform.aws.provision.catalogue import describe
from mailplatform.aws.provision.wanted import Schedule
from mailplatform.core import clock
from tests.factories.aws import WEEKLY, everything
from tests.factories.campaigns import make_campaign

pytestmark = pytest.mark.django_db
TOPIC = "arn:aws:sns:eu-central-1:123456789012:mailplatform-triggers"


def fire(at: dt.datetime, number: str = "1", **said: Any) -> None:
    text = json.dumps({"rule": "weekly", "scheduled_at": at.isoformat(), **said})
    triggers.answer(SnsMessage("Notification", number, TOPIC, text, clock.now(), "", None), text.encode())


def copies(campaign: Campaign) -> list[Campaign]:
    return list(Campaign.objects.exclude(pk=campaign.pk).filter(name__startswith=campaign.name))


def test_a_copy_is_scheduled_for_that_time() -> None:
    campaign, now = make_campaign(), clock.now()
    fire(now, campaign=str(campaign.public_id))
    (copy,) = copies(campaign)
    assert (copy.state, copy.scheduled_at) == (CampaignState.SCHEDULED, now)
    campaign.refresh_from_db()
    assert campaign.state == CampaignState.DRAFT
    assert Trigger.objects.get().copy == copy
    assert AuditEntry.objects.filter(action="campaign.scheduled").exists()


def test_the_same_time_starts_it_once_however_often_it_is_told() -> None:
    campaign, now = make_campaign(), clock.now()
    fire(now, "1", campaign=str(campaign.public_id))
    fire(now, "1", campaign=str(campaign.public_id))
    fire(now, "2", campaign=str(campaign.public_id))
    assert len(copies(campaign)) == 1


def test_while_a_copy_is_under_way_no_other_is_started() -> None:
    campaign, now = make_campaign(), clock.now()
    fire(now - dt.timedelta(minutes=1), campaign=str(campaign.public_id))
    fire(now, campaign=str(campaign.public_id))
    assert len(copies(campaign)) == 1
    assert "not finished" in Trigger.objects.get(copy=None).refused
    copies(campaign)[0].delete()
    fire(now + dt.timedelta(seconds=1), campaign=str(campaign.public_id))
    assert len(copies(campaign)) == 1


def test_one_that_comes_too_late_waits_for_a_person() -> None:
    campaign = make_campaign()
    late = dt.timedelta(minutes=sending_settings.get().late_start_minutes + 1)
    fire(clock.now() - late, campaign=str(campaign.public_id))
    assert copies(campaign) == []
    assert "minutes late" in Trigger.objects.get().refused


def test_an_event_is_told_to_the_endpoints_that_want_such_once_and_without_anybody_in_it() -> None:
    campaign, now = make_campaign(), clock.now()
    installation.update(actor=None, account_id="")
    with override_settings(AWS_ENDPOINT_URLS={"sesv2": "http://127.0.0.1:1", "sns": "http://127.0.0.1:1"}):
        wanting = webhooks.create(url="http://127.0.0.1:1/a", types=[WebhookType.SCHEDULED])
        webhooks.create(url="http://127.0.0.1:1/b", types=[WebhookType.BOUNCED])
    fire(now, "1", event="price-list")
    fire(now, "2", event="price-list")
    (delivery,) = WebhookDelivery.objects.all()
    assert delivery.endpoint == wanting
    assert Trigger.objects.get().event == "price-list"
    said = json.loads(selector.bodies([delivery])[delivery.pk].content)
    assert said == {
        "type": "schedule.event",
        "timestamp": now.isoformat(),
        "data": {"event": "price-list", "schedule": "weekly"},
    }
    assert copies(campaign) == []
    Trigger.objects.all().delete()
    assert selector.bodies([delivery])[delivery.pk].dropped_because == "The event is no longer kept."


def test_only_a_draft_that_is_there_is_copied() -> None:
    campaign = make_campaign(state=CampaignState.SENT)
    fire(clock.now(), campaign=str(campaign.public_id))
    fire(clock.now(), campaign="0b9c7a4e-6a1f-4b60-9f0f-2f3d5a7c9e11")
    reasons = Trigger.objects.order_by("pk").values_list("refused", flat=True)
    assert "is not a draft" in reasons[0]
    assert reasons[1] == "There is no such campaign (any more)."
    with pytest.raises(triggered.NotStarted):
        triggered.start_copy(campaign=campaign, due=clock.now(), now=clock.now())


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("hello", "not JSON"),
        ("[]", "must have campaign or event, rule and scheduled_at"),
        ('{"campaign": "x", "rule": "weekly"}', "must have campaign or event"),
        ('{"campaign": "x", "event": "y", "rule": "a", "scheduled_at": "x"}', "must have campaign or event"),
        ('{"event": "A b", "rule": "a", "scheduled_at": "x"}', "the event has no name"),
        ('{"event": 7, "rule": "a", "scheduled_at": "x"}', "the event has no name"),
        ('{"campaign": "x", "rule": "a b", "scheduled_at": "x"}', "no name that provisioning gives"),
        ('{"campaign": "x", "rule": "weekly", "scheduled_at": "2026-11-23T07:00:00Z"}', "cannot be read"),
        (
            '{"campaign": "0b9c7a4e-6a1f-4b60-9f0f-2f3d5a7c9e11", "rule": "a", "scheduled_at": "2026-11-23"}',
            "has no zone",
        ),
    ],
)
def test_what_provisioning_did_not_write_is_kept_with_its_reason(text: str, reason: str) -> None:
    message = SnsMessage("Notification", "7", TOPIC, text, clock.now(), "", None)
    triggers.answer(message, text.encode())
    triggers.answer(message, text.encode())
    assert reason in DeadLetter.objects.get().reason
    assert not Trigger.objects.exists()


@pytest.mark.parametrize("wanted", [WEEKLY, Schedule("weekly", WEEKLY.expression, event="price-list")])
def test_what_the_rule_says_is_what_is_read(wanted: Schedule) -> None:
    def arn(service: str, name: str) -> str:
        return f"arn:aws:{service}:eu-central-1:123456789012:{name}"

    (rule,) = [
        item
        for item in describe(everything("shop", schedules=(wanted,)), arn, "123456789012", "eu-central-1")
        if item.kind == "EventBridge rule"
    ]
    template = rule.properties["Targets"]["mailplatform"]["InputTransformer"]["InputTemplate"]
    # EventBridge puts a text in with its quotation marks.
    found = triggers.parse(template.replace("<time>", '"2026-11-23T07:00:00Z"'))
    assert (found.rule, str(found.campaign or ""), found.event) == ("weekly", wanted.campaign, wanted.event)
    assert found.scheduled_at == dt.datetime(2026, 11, 23, 7, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("topic", "expected"), [(TOPIC, True), (TOPIC.replace("triggers", "ses-events"), False)]
)
def test_only_its_own_topic_starts_anything(topic: str, expected: bool) -> None:
    assert triggers.is_trigger(topic) is expected
