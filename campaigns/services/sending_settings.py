"""Read and change how this installation sends."""

from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit
from mailplatform.core import clock

from ..models import PauseReason, Run, RunState, SendingSettings
from ..selectors import approvals
from ..selectors.sending_settings import get

__all__ = ["InvalidSetting", "UnknownSetting", "get", "update", "wake_parked"]

CHANGEABLE: Final = frozenset(
    {
        "warm_up_started_on",
        "warm_up_plan",
        "resend_by_itself",
        "late_start_minutes",
        "grace_seconds",
        "approval_needed",
        "currency",
        "price_per_thousand",
        "price_per_gigabyte",
        "price_of_options",
        "price_per_thousand_events",
    }
)

PEOPLE_TO_APPROVE: Final = 2
_WARM_UP: Final = frozenset({"warm_up_started_on", "warm_up_plan"})


class UnknownSetting(Exception):
    """There is no such setting."""


class InvalidSetting(Exception):
    """A value is out of its bounds; `problems` names it: setting → sentences. Nothing was changed."""

    def __init__(self, problems: dict[str, list[str]]) -> None:
        self.problems = problems
        super().__init__("; ".join(f"{name}: {' '.join(words)}" for name, words in problems.items()))


@transaction.atomic
def update(*, actor: User | None, **changes: Any) -> SendingSettings:
    """Change settings; old and new values go into the audit log. Raises UnknownSetting, InvalidSetting."""
    if unknown := changes.keys() - CHANGEABLE:
        raise UnknownSetting(f"Unknown setting: {', '.join(sorted(unknown))}")
    SendingSettings.objects.get_or_create(id=1)
    row = SendingSettings.objects.select_for_update().get(id=1)
    is_new = bool(changes.get("approval_needed")) and not row.approval_needed
    if is_new and len(approvals.people_who_may_approve()) < PEOPLE_TO_APPROVE:
        message = (
            "Two people who may send are needed for this. Invite a second marketer or administrator first."
        )
        raise InvalidSetting({"approval_needed": [message]})
    noted: dict[str, Any] = {}
    for name, value in changes.items():
        before = getattr(row, name)
        if before != value:
            setattr(row, name, value)
            noted[name] = [_plain(before), _plain(value)]
    try:
        row.full_clean()
    except ValidationError as error:
        raise InvalidSetting(error.message_dict) from error
    if noted:
        row.save()
        if noted.keys() & _WARM_UP:
            wake_parked()
        audit.record(actor=actor, action="sending_settings.changed", obj=row, detail=noted)
    return row


def wake_parked() -> int:
    """Let runs that wait for the next day look again now: quota or plan may have changed. Returns how many."""
    waiting = Run.objects.filter(state=RunState.PAUSED, paused_by=PauseReason.QUOTA)
    return waiting.update(not_before=clock.now(), updated_at=clock.now())


def _plain(value: Any) -> Any:
    return value if isinstance(value, list | int | bool | None) else str(value)
