"""What an administrator chooses for the Amazon account in the browser: kept until the next apply makes it true.

What was applied last stays written down beside it: mail goes through what is there, and destroy removes that.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.aws.provision.wanted import BadChoice, Wanted

from . import account_progress, past_choices, provisioning


def wanted(changes: Mapping[str, Any] | None = None) -> Wanted:
    """Return what the next plan or apply means: the choices of the last apply, what was saved since, `changes`."""
    saved = past_choices.from_stored(installation.get().account_choices or {})
    return provisioning.wanted(saved | dict(changes or {}))


def not_applied(want: Wanted) -> set[str]:
    """Return the names of the choices in `want` that are not those of the last apply."""
    applied, chosen = past_choices.as_stored(provisioning.wanted()), past_choices.as_stored(want)
    return {name for name in chosen if chosen[name] != applied[name]}


def problems(choices: Mapping[str, Any]) -> Iterator[BadChoice]:
    """Yield what Amazon would refuse of these choices."""
    yield from _with_default(choices).problems()


@transaction.atomic
def save(*, actor: User, choices: Mapping[str, Any]) -> bool:
    """Keep the choices for the next plan or apply; whether anything changed. Without identities the default ones.

    Raises `BadChoice`, and `account_progress.AlreadyWorking`: what a worker is making true may not change under it.
    """
    want = _with_default(choices)
    want.check()
    if account_progress.is_running():
        raise account_progress.AlreadyWorking
    before, after = past_choices.as_stored(wanted()), past_choices.as_stored(want)
    changed = {
        name: [_plain(before[name]), _plain(after[name])] for name in after if before[name] != after[name]
    }
    if not changed:
        return False
    is_applied = after == past_choices.as_stored(provisioning.wanted())
    row = installation.update(actor=None, account_choices=None if is_applied else after)
    audit.record(actor=actor, action="aws.choices_changed", obj=row, detail=changed)
    return True


def _with_default(choices: Mapping[str, Any]) -> Wanted:
    identities = choices.get("identities") or provisioning.default_identities(installation.get())
    return wanted({**choices, "identities": identities})


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    if isinstance(value, dict):
        return " ".join(str(item) for item in value.values() if item)
    return value
