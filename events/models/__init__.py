"""What happened after a mail was sent."""

from .deliverability import DomainLook, Sunset, SunsetStage
from .engagement import Counter, Link, Outcome, OutcomeState
from .inbox import DeadLetter, Event, EventType, Heartbeat, InboundMessage, Retention
from .policy import Cursor, Digest, Policy, SafetyStop, StopCause
from .reports import ListWeek, ReportGroup, ReportMail, ReportPlan
from .triggers import Trigger
from .webhooks import WebhookDelivery, WebhookEndpoint, WebhookState, WebhookType

__all__ = [
    "Counter",
    "Cursor",
    "DeadLetter",
    "Digest",
    "DomainLook",
    "Event",
    "EventType",
    "Heartbeat",
    "InboundMessage",
    "Link",
    "ListWeek",
    "Outcome",
    "OutcomeState",
    "Policy",
    "ReportGroup",
    "ReportMail",
    "ReportPlan",
    "Retention",
    "SafetyStop",
    "StopCause",
    "Sunset",
    "SunsetStage",
    "Trigger",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookState",
    "WebhookType",
]
