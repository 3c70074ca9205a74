"""People, what they agreed to, and how they are grouped."""

from .bulk import BlockedDomain, BulkAction, BulkJob, BulkState
from .consent import (
    Act,
    ConsentBlock,
    ConsentNotice,
    ConsentPersonal,
    ConsentRecord,
    LawfulBasis,
    Method,
    Purpose,
    SigningKey,
)
from .fields import CustomField, FieldType, Tag
from .imports import ImportJob, ImportKind, ImportState, ImportTrace, RefusedRow
from .lists import MailingList, OptIn, Subscription, SubscriptionState
from .merge import PersonMerge
from .orders import Order, OrderCurrency, OrderLine, Product
from .profile import MarketingBasis, Profile
from .rights import RetentionRule, RetentionRun, RightsCase, RightsKind, RightsState, RightsStep
from .segments import Segment
from .signup import OwedKind, OwedMail, OwedState, SignupForm, SignupRequest, SignupText
from .storage import StorageCopy, StorageCopyKind
from .subscriber import Subscriber
from .suppression import Suppression, SuppressionReason

__all__ = [
    "Act",
    "BlockedDomain",
    "BulkAction",
    "BulkJob",
    "BulkState",
    "ConsentBlock",
    "ConsentNotice",
    "ConsentPersonal",
    "ConsentRecord",
    "CustomField",
    "FieldType",
    "ImportJob",
    "ImportKind",
    "ImportState",
    "ImportTrace",
    "LawfulBasis",
    "MailingList",
    "MarketingBasis",
    "Method",
    "OptIn",
    "Order",
    "OrderCurrency",
    "OrderLine",
    "OwedKind",
    "OwedMail",
    "OwedState",
    "PersonMerge",
    "Product",
    "Profile",
    "Purpose",
    "RefusedRow",
    "RetentionRule",
    "RetentionRun",
    "RightsCase",
    "RightsKind",
    "RightsState",
    "RightsStep",
    "Segment",
    "SigningKey",
    "SignupForm",
    "SignupRequest",
    "SignupText",
    "StorageCopy",
    "StorageCopyKind",
    "Subscriber",
    "Subscription",
    "SubscriptionState",
    "Suppression",
    "SuppressionReason",
    "Tag",
]
