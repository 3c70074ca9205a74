"""The reckoning: our ledger against the mailbox, person by person. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from . import audience as people
from .audience import Person
from .ledger import Delivery
from .schedule import SIGNATURE_AGE, Mode

# What was cut before somebody left may be on its way: two seconds to the socket, or in the hands of a process that
# was frozen with a signed request, until the signature is refused.
ON_ITS_WAY_S: Final = SIGNATURE_AGE + 2.0
MOST_RESENT: Final = 0.25
# With fewer kills while calls were in flight a trial has shown too little.
FEWEST_KILLS: Final = 5


@dataclass(frozen=True, slots=True)
class Mail:
    """One mail in the sandbox's mailbox."""

    id: str
    sent_at: float


@dataclass
class Verdict:
    """What was found. Lists hold addresses (evidence); `broken` says in words which promises did not hold."""

    duplicates: list[str] = field(default_factory=list)
    doubled_by_decision: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    ineligible: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    unresolved: int = 0
    broken: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Found:
    """All that the judge looks at."""

    mode: Mode
    people: Mapping[int, Person]
    deliveries: Mapping[int, Delivery]
    mailbox: Mapping[str, Sequence[Mail]]
    resent_by_operator: set[int]
    resent_by_itself: set[int]
    wrong_sums: int
    kills_in_flight: int


def judge(found: Found) -> Verdict:
    """Compare everybody, and say which promises were broken."""
    verdict = Verdict()
    for person in found.people.values():
        mails = found.mailbox.get(person.email, ())
        delivery = found.deliveries.get(person.id)
        _count(verdict, person, mails, was_resent=person.id in found.resent_by_operator)
        _explain(verdict, person, mails, delivery)
    strangers = set(found.mailbox) - {person.email for person in found.people.values()}
    verdict.ineligible += sorted(strangers)
    verdict.broken += _broken(verdict, found)
    return verdict


def _count(verdict: Verdict, person: Person, mails: Sequence[Mail], *, was_resent: bool) -> None:
    if len(mails) > 1:
        (verdict.doubled_by_decision if was_resent else verdict.duplicates).append(person.email)
    late = [mail for mail in mails if person.left_at and mail.sent_at > person.left_at + ON_ITS_WAY_S]
    if (mails and person.group not in people.MAILABLE) or late:
        verdict.ineligible.append(person.email)


def _explain(verdict: Verdict, person: Person, mails: Sequence[Mail], delivery: Delivery | None) -> None:
    """Hold the row against the mails, and what should have been against both."""
    state = delivery.state if delivery else "none"
    if delivery is not None and delivery.state == "unresolved":
        verdict.unresolved += 1
    elif (state == "accepted") != bool(mails):
        verdict.differences.append(f"{person.email}: {state}, {len(mails)} mails")
    elif (
        delivery is not None
        and delivery.message_id
        and delivery.message_id not in {mail.id for mail in mails}
    ):
        verdict.differences.append(f"{person.email}: message id {delivery.message_id} is not in the mailbox")
    if (delivery is None) != (person.group == people.JOINED):
        verdict.differences.append(f"{person.email}: a {person.group} person has {state}")
    if person.group == people.FRIEND and person.left_at is None and not mails:
        verdict.missing.append(f"{person.email}: {state} {delivery.reason if delivery else ''}".strip())


def _broken(verdict: Verdict, found: Found) -> list[str]:
    mailable = sum(person.group in people.MAILABLE for person in found.people.values())
    faults: dict[str, Any] = {
        "people were mailed twice": len(verdict.duplicates),
        "people were not mailed": len(verdict.missing),
        "people were mailed who must not be": len(verdict.ineligible),
        "rows do not agree with the mailbox": len(verdict.differences),
        "people are unresolved at the end": verdict.unresolved,
        "samples did not add up to the audience": found.wrong_sums,
        "people were mailed twice by an operator who saw no mail": len(verdict.doubled_by_decision),
    }
    broken = [f"{count} {words}" for words, count in faults.items() if count]
    if len(found.resent_by_operator) > MOST_RESENT * mailable:
        broken.append(f"the operator had to re-send {len(found.resent_by_operator)} of {mailable}")
    if found.kills_in_flight < FEWEST_KILLS:
        broken.append(f"only {found.kills_in_flight} kills met calls in flight: the trial shows too little")
    if found.resent_by_itself and found.mode is not Mode.ON:
        broken.append(f"{len(found.resent_by_itself)} people were re-sent by itself with mode {found.mode}")
    return broken
