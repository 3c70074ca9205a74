"""What we send, to whom, and the ledger of every sending."""

from .campaign import Campaign, CampaignKind, CampaignState, Sender
from .ledger import Batch, BatchState, Call, CallKind, CallState, Delivery, DeliveryState
from .run import PauseReason, Run, RunState
from .template import Template, TemplateVersion

__all__ = [
    "Batch",
    "BatchState",
    "Call",
    "CallKind",
    "CallState",
    "Campaign",
    "CampaignKind",
    "CampaignState",
    "Delivery",
    "DeliveryState",
    "PauseReason",
    "Run",
    "RunState",
    "Sender",
    "Template",
    "TemplateVersion",
]
