"""Schedules at Amazon: EventBridge publishes to a topic of ours, and a campaign starts, or an event is raised.

The message is JSON that provisioning wrote into the rule, with the time that EventBridge fills in:
`{"campaign": "<its id>", "rule": "weekly", "scheduled_at": "2026-11-23T07:00:00Z"}`, or `event` with its name in
place of `campaign`. An event is told to outside systems by webhook. The message comes through the endpoint that takes
events, so signature, certificate and topic are verified; only our rules may publish to that topic.
"""

import datetime as dt
import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction

from campaigns.models import Campaign, CampaignState
from campaigns.selectors.campaigns import trusted_now
from campaigns.services import triggered
from events.envelope import SnsMessage
from events.models import DeadLetter, Trigger
from mailplatform.aws.provision.wanted import EVENT, RULE, TRIGGERS

from . import webhooks

log = structlog.get_logger(__name__)
_SAID: Final = ({"campaign", "rule", "scheduled_at"}, {"event", "rule", "scheduled_at"})
UNFINISHED: Final = frozenset(CampaignState.values) - {
    CampaignState.DRAFT.value,
    CampaignState.SENT.value,
    CampaignState.CANCELLED.value,
    CampaignState.FAILED.value,
}


class BadTrigger(ValueError):
    """The message is not one that provisioning wrote; the text says what is wrong."""


@dataclass(frozen=True, slots=True)
class Firing:
    """What a message says: a campaign to start, or an event to raise."""

    rule: str
    scheduled_at: dt.datetime
    campaign: UUID | None = None
    event: str = ""


def is_trigger(topic_arn: str) -> bool:
    """Whether messages of this topic start something; the topic is one of ours."""
    return topic_arn.endswith(TRIGGERS)


def answer(message: SnsMessage, body: bytes) -> None:
    """Start the campaign or raise the event, once for each rule and time; what cannot start is kept with its reason.

    `message` is verified. One that says nothing we know becomes a dead letter.
    """
    try:
        firing = parse(message.message)
    except BadTrigger as error:
        if not DeadLetter.objects.filter(message_id=message.message_id).exists():
            DeadLetter.objects.create(
                reason=f"schedule: {error}"[:300], body=body, message_id=message.message_id
            )
        return
    with transaction.atomic():
        row, is_new = Trigger.objects.get_or_create(rule=firing.rule, scheduled_at=firing.scheduled_at)
        if is_new and firing.event:
            row.event = firing.event
            row.save()
            told = webhooks.tell_of_schedule(row)
            log.info("trigger.event", rule=firing.rule, name=firing.event, endpoints=told)
        elif is_new and firing.campaign:
            _start(row, firing, firing.campaign)


def parse(text: str) -> Firing:
    """Read the message. Raises BadTrigger."""
    try:
        found: Any = json.loads(text)
    except ValueError as error:
        raise BadTrigger("the message is not JSON") from error
    if not isinstance(found, dict) or set(found) not in _SAID:
        raise BadTrigger("the message must have campaign or event, rule and scheduled_at, and nothing else")
    if not isinstance(found["rule"], str) or not RULE.fullmatch(found["rule"]):
        raise BadTrigger("the rule has no name that provisioning gives")
    event = found.get("event", "")
    if "event" in found and not (isinstance(event, str) and EVENT.fullmatch(event)):
        raise BadTrigger("the event has no name that provisioning gives")
    try:
        at = dt.datetime.fromisoformat(str(found["scheduled_at"]))
        campaign = UUID(str(found["campaign"])) if "campaign" in found else None
    except ValueError as error:
        raise BadTrigger("the time or the campaign's id cannot be read") from error
    if at.tzinfo is None:
        raise BadTrigger("the time has no zone")
    return Firing(found["rule"], at, campaign, event)


def _start(row: Trigger, firing: Firing, campaign: UUID) -> None:
    # Held, so that two rules for the same moment do not both find that no copy is under way.
    row.campaign = Campaign.objects.select_for_update(of=("self",)).filter(public_id=campaign).first()
    try:
        row.copy = _copy(row, firing)
    except triggered.NotStarted as error:
        row.refused = str(error)[:300]
        log.warning(
            "trigger.refused", rule=firing.rule, at=firing.scheduled_at.isoformat(), reason=row.refused
        )
    row.save()


def _copy(row: Trigger, firing: Firing) -> Campaign:
    if row.campaign is None:
        raise triggered.NotStarted("There is no such campaign (any more).")
    if Trigger.objects.filter(campaign=row.campaign, copy__state__in=UNFINISHED).exists():
        raise triggered.NotStarted("The copy that was started before is not finished yet.")
    return triggered.start_copy(campaign=row.campaign, due=firing.scheduled_at, now=trusted_now())
