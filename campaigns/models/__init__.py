"""What we send, to whom, and the ledger of every sending."""

from .campaign import Campaign, CampaignKind, CampaignState, ScheduleTick, Sender, Translation
from .drain import Drain
from .ledger import (
    Batch,
    BatchState,
    Call,
    CallKind,
    CallState,
    Decision,
    DecisionAction,
    Delivery,
    DeliveryState,
)
from .run import PauseReason, Run, RunPurpose, RunState
from .sending_settings import SendingSettings
from .template import Template, TemplateVersion
from .welcome import Welcome

__all__ = [
    "Batch",
    "BatchState",
    "Call",
    "CallKind",
    "CallState",
    "Campaign",
    "CampaignKind",
    "CampaignState",
    "Decision",
    "DecisionAction",
    "Delivery",
    "DeliveryState",
    "Drain",
    "PauseReason",
    "Run",
    "RunPurpose",
    "RunState",
    "ScheduleTick",
    "Sender",
    "SendingSettings",
    "Template",
    "TemplateVersion",
    "Translation",
    "Welcome",
]
