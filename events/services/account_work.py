"""Comparing, provisioning and removing from the browser: a worker does it, the page looks how far it is.

Amazon takes about one call per second, so a look takes half a minute and a first apply two.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from campaigns.models import Campaign
from events.models import Trigger
from mailplatform.accounts import vault
from mailplatform.accounts.models import User
from mailplatform.aws import sns
from mailplatform.aws.control import ControlQueueBusy
from mailplatform.aws.errors import AccountUnreadableError
from mailplatform.aws.provision import phrases, words
from mailplatform.aws.provision.engine import Ending
from mailplatform.aws.provision.model import Action, Fixed
from mailplatform.aws.provision.wanted import BadChoice
from mailplatform.aws.session import AwsConfigurationError
from mailplatform.aws.steps import AwsCallError, Outcome
from mailplatform.core import clock

from . import account_choices, provisioning, triggers
from .account_progress import Row, Work, note

EXPECTED: Final = (
    AccountUnreadableError,
    AwsCallError,
    AwsConfigurationError,
    BadChoice,
    ControlQueueBusy,
    Fixed,
    sns.NotConfirmedError,
    vault.SecretUnreadable,
)


def work(act: str, user_id: int | None) -> None:
    """Do it, noting each step; what Amazon refuses is noted as well."""
    noted = Work(act, clock.now())
    actor = None if user_id is None else User.objects.filter(pk=user_id).first()
    try:
        _WORKS[act](noted, actor)
    except EXPECTED as error:
        noted.error = str(error)
    except Exception:
        noted.error = "This site itself failed; the worker's log has the fault."
        raise
    finally:
        noted.is_done = True
        note(noted)


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


def under_way() -> int:
    """Return how many campaigns would stop without what provisioning made: scheduled, on their way or paused."""
    return Campaign.objects.filter(state__in=triggers.UNFINISHED).count()


def _plan(noted: Work, _: User | None) -> None:
    steps = []
    for step in provisioning.plan(account_choices.wanted()):
        steps.append(step)
        is_new = step.action is Action.CREATE
        row = Row(
            "plan",
            step.action.value,
            step.resource.key,
            note="" if step.is_ours or is_new else "It was there before: removing everything will leave it.",
            cost=step.resource.cost if is_new else "",
            changes=tuple(phrases.changes(step)),
        )
        _add(noted, row)
    for sentence in provisioning.notes():
        _add(noted, Row("plan", Outcome.PENDING.value, sentence))
    noted.summary = words.summary(steps)


def _apply(noted: Work, actor: User | None) -> None:
    def report(outcome: Outcome, what: str) -> None:
        # Of what was changed the names follow; what is for people to do is a sentence.
        resource, _, names = what.partition(": ") if outcome is Outcome.CHANGED else (what, "", "")
        labels = ", ".join(phrases.LABELS.get(name, name) for name in names.split(", ") if name)
        _add(noted, Row("apply", outcome.value, resource, note=labels))

    row = provisioning.apply(account_choices.wanted(), report, actor=actor)
    changed = sum(item.what in {"created", "changed", "removed"} for item in noted.rows)
    noted.summary = f"{changed} of {len(noted.rows)} were made or changed in account {row.account_id}."


def _survey(noted: Work, _: User | None) -> None:
    for ending, resource, why in provisioning.survey(provisioning.wanted()):
        if ending is not Ending.ABSENT:
            _add(noted, Row("survey", ending.value, resource.key, note=why))
    goes, stays = _endings(noted)
    noted.summary = (
        f"{goes} would go, {stays} would stay. Nothing was changed."
        if goes
        else "Nothing that provisioning made is left."
    )


def _destroy(noted: Work, actor: User | None) -> None:
    def told(ending: Ending, what: str) -> None:
        if ending is not Ending.ABSENT:
            resource, _, why = what.partition(": ")
            _add(noted, Row("destroy", ending.value, resource, note=why))

    # What was chosen and never applied was never made.
    provisioning.destroy(provisioning.wanted(), told, actor=actor)
    goes, stays = _endings(noted)
    noted.summary = f"{goes} were removed, {stays} stay. Nothing can be sent until you apply again."


def _add(noted: Work, row: Row) -> None:
    noted.rows.append(row)
    note(noted)


def _endings(noted: Work) -> tuple[int, int]:
    goes = sum(row.what == Ending.REMOVED for row in noted.rows)
    return goes, len(noted.rows) - goes


_WORKS: Final[Mapping[str, Callable[[Work, User | None], None]]] = {
    "plan": _plan,
    "apply": _apply,
    "survey": _survey,
    "destroy": _destroy,
}
