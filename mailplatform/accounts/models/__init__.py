"""Who may do what, what was done, and how this installation is set up."""

from .api import ApiReply, ApiToken
from .audit import AuditEntry
from .installation import Carrier, Installation
from .papers import PaperAnswer, PaperKind, PaperVersion
from .session import UserSession
from .user import Role, User

__all__ = [
    "ApiReply",
    "ApiToken",
    "AuditEntry",
    "Carrier",
    "Installation",
    "PaperAnswer",
    "PaperKind",
    "PaperVersion",
    "Role",
    "User",
    "UserSession",
]
