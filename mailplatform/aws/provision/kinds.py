"""Which kinds of resources there are, in no order: the catalogue says what comes before what."""

from collections.abc import Mapping
from typing import Final

from .bucket_kind import BucketKind
from .message_kinds import QueueKind, SubscriptionKind, TopicKind
from .model import Kind
from .ses_kinds import (
    AccountKind,
    DestinationKind,
    IdentityKind,
    PoolKind,
    SetKind,
    TenantKind,
    TenantMemberKind,
)
from .watch_kinds import AlarmKind, DashboardKind, RuleKind

CONFIRMATION_SECONDS: Final = 90.0


def all_kinds(patience: float = CONFIRMATION_SECONDS) -> Mapping[str, Kind]:
    """Return the kinds by name; `patience` is how many seconds a subscription may take to be confirmed."""
    return {
        "sending identity": IdentityKind(),
        "configuration set": SetKind(),
        "event destination": DestinationKind(),
        "IP pool": PoolKind(),
        "tenant": TenantKind(),
        "tenant member": TenantMemberKind(),
        "SES account": AccountKind(),
        "SNS topic": TopicKind(),
        "SQS queue": QueueKind(),
        "SNS subscription": SubscriptionKind(patience=patience),
        "S3 bucket": BucketKind(),
        "CloudWatch alarm": AlarmKind(),
        "CloudWatch dashboard": DashboardKind(),
        "EventBridge rule": RuleKind(),
    }
