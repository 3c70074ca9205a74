"""What we send, to whom, and the ledger of every sending."""

from .approval import Approval
from .brand import Brand
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
from .media import AttachedContent, Attachment, MediaFamily, MediaFile
from .notice import CampaignNotice
from .restore import Restore
from .run import PauseReason, Run, RunPurpose, RunState
from .sending_settings import SendingSettings
from .series import Frequency, Occurrence, Series, Skipped
from .template import Template, TemplateDraft, TemplateVersion
from .welcome import Welcome

__all__ = [
    "Approval",
    "AttachedContent",
    "Attachment",
    "Batch",
    "BatchState",
    "Brand",
    "Call",
    "CallKind",
    "CallState",
    "Campaign",
    "CampaignKind",
    "CampaignNotice",
    "CampaignState",
    "Decision",
    "DecisionAction",
    "Delivery",
    "DeliveryState",
    "Drain",
    "Frequency",
    "MediaFamily",
    "MediaFile",
    "Occurrence",
    "PauseReason",
    "Restore",
    "Run",
    "RunPurpose",
    "RunState",
    "ScheduleTick",
    "Sender",
    "SendingSettings",
    "Series",
    "Skipped",
    "Template",
    "TemplateDraft",
    "TemplateVersion",
    "Translation",
    "Welcome",
]
