"""Comparing and provisioning from the browser: a worker does it, the page looks how far it is.

Amazon takes about one call per second, so a look takes half a minute and a first apply two. How far it is may be
forgotten, and a worker goes on without Redis: what was done stands in the audit log.
"""

import dataclasses
import datetime as dt
from typing import Any, Final

from campaigns.models import Campaign
from events.models import Trigger
from mailplatform.accounts.models import User
from mailplatform.aws import sns
from mailplatform.aws.control import ControlQueueBusy
from mailplatform.aws.errors import AccountUnreadableError
from mailplatform.aws.provision import words
from mailplatform.aws.provision.model import Action, Fixed
from mailplatform.aws.provision.wanted import BadChoice
from mailplatform.aws.session import AwsConfigurationError
from mailplatform.aws.steps import AwsCallError, Outcome
from mailplatform.core import clock, memo

from . import provisioning

KEY: Final = "provisioning"
KEPT_SECONDS: Final = 24 * 3600
# A worker that was killed tells nobody.
GIVEN_UP: Final = dt.timedelta(minutes=10)
ACTS: Final = frozenset({"plan", "apply"})
EXPECTED: Final = (
    AccountUnreadableError,
    AwsCallError,
    AwsConfigurationError,
    BadChoice,
    ControlQueueBusy,
    Fixed,
    sns.NotConfirmedError,
)


class AlreadyWorking(Exception):
    """A worker is at it."""


@dataclasses.dataclass
class Work:
    """How far it is. `rows` are (what, resource, detail, cost); `summary` and `error` are for a reader."""

    act: str
    began_at: dt.datetime
    is_done: bool = False
    rows: list[tuple[str, str, str, str]] = dataclasses.field(default_factory=list)
    summary: str = ""
    error: str = ""

    @property
    def is_running(self) -> bool:
        """Whether a worker is at it, as far as one can know."""
        return not self.is_done and clock.now() - self.began_at < GIVEN_UP


def state() -> Work | None:
    """Return the last work, if it was within a day."""
    found: Work | None = memo.recall([KEY]).get(KEY)
    return found


def begin(act: str) -> Work:
    """Note that a worker is going to work. Raises AlreadyWorking, ValueError for an unknown act."""
    if act not in ACTS:
        raise ValueError(act)
    if (before := state()) and before.is_running:
        raise AlreadyWorking
    begun = Work(act, clock.now())
    _note(begun)
    return begun


def forget() -> None:
    """Take back what `begin` noted: no worker could be asked."""
    memo.forget(KEY)


def work(act: str, user_id: int | None) -> None:
    """Do it, noting each step; what Amazon refuses is noted as well."""
    noted = Work(act, clock.now())
    actor = None if user_id is None else User.objects.filter(pk=user_id).first()
    try:
        (_apply if act == "apply" else _plan)(noted, actor)
    except EXPECTED as error:
        noted.error = str(error)
    finally:
        noted.is_done = True
        _note(noted)


def schedules() -> list[dict[str, Any]]:
    """Return the schedules that were chosen at the last apply, with their campaigns and the last firing of each."""
    found = provisioning.wanted().schedules
    campaigns = {
        str(item.public_id): item
        for item in Campaign.objects.filter(public_id__in=[one.campaign for one in found if one.campaign])
    }
    names = [item.name for item in found]
    fired = Trigger.objects.filter(rule__in=names).order_by("rule", "-scheduled_at").distinct("rule")
    latest = {row.rule: row for row in fired}
    return [
        {"schedule": item, "campaign": campaigns.get(item.campaign), "last": latest.get(item.name)}
        for item in found
    ]


def _note(noted: Work) -> None:
    memo.keep({KEY: noted}, KEPT_SECONDS)


def _plan(noted: Work, _: User | None) -> None:
    steps = []
    for step in provisioning.plan(provisioning.wanted()):
        steps.append(step)
        detail = ", ".join(step.changes) if step.action is Action.CHANGE else ""
        cost = step.resource.cost if step.action is Action.CREATE else ""
        noted.rows.append((step.action.value, step.resource.key, detail, cost))
        _note(noted)
    noted.summary = words.summary(steps)


def _apply(noted: Work, actor: User | None) -> None:
    def report(outcome: Outcome, what: str) -> None:
        resource, _, detail = what.partition(": ")
        noted.rows.append((outcome.value, resource, detail, ""))
        _note(noted)

    row = provisioning.apply(provisioning.wanted(), report, actor=actor)
    changed = sum(what in {"created", "changed", "removed"} for what, *_ in noted.rows)
    noted.summary = f"{changed} of {len(noted.rows)} were made or changed in account {row.account_id}."
