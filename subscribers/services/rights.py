"""Requests under GDPR Art. 15 to 21 as cases: a deadline, a log of what was done, an outcome.

A request may come from somebody whom nobody knows: then that is the answer, except that an objection and an
erasure also hold for an address that some later file may bring.
"""

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from mailplatform.accounts.models import User
from mailplatform.accounts.services import audit, installation
from mailplatform.accounts.vault import SecretUnreadable
from mailplatform.aws import suppression as ses_list
from mailplatform.aws.session import AwsConfigurationError
from mailplatform.core import clock, keys

from .. import months
from ..importing.addresses import AddressRefusedError, normalise_email
from ..models import (
    PersonMerge,
    RightsCase,
    RightsKind,
    RightsState,
    RightsStep,
    Subscriber,
    SuppressionReason,
)
from ..selectors import holdings, merging
from . import erasure, subscribers, suppression, unsubscribe

# Art. 12(3): a month, which may be extended by two where that is said within the first.
FIRST_MONTHS: Final = 1
MORE_MONTHS: Final = 2
# What an erasure never reaches; said in every case.
OUT_OF_REACH: Final = (
    "Backups made before today: they still hold the person until they are overwritten.",
    "Mail that was sent already, and Amazon's own short-lived logs of it.",
    "Files that were downloaded from here: exports, lists of recipients.",
)
THE_PERSON: Final = "the person"
_BY_THEMSELVES: Final = "Asked for on our own page and confirmed through a link to their mailbox."
_ON_THEIR_PAGE: Final = (
    "Erased on the person's page, where the user confirmed that the request comes from them."
)
_AMAZONS_LIST: Final = "The suppression list of the Amazon SES account"
_NOT_ASKED: Final = f"{_AMAZONS_LIST}, as it was not asked for."
_NOT_ON_IT: Final = f"{_AMAZONS_LIST} (we know of no entry, so it was not asked)."
_COPIES: Final = "Copies of the list of blocked addresses in the storage: they are deleted after two weeks."
_NO_ANSWER: Final = f"{_AMAZONS_LIST}: it did not answer. Take the address off by hand, if it must be."


class RightsError(ValueError):
    """What was asked cannot be done; the text says why. ``field`` names the input, if one is to blame."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


class CaseClosed(RightsError):
    """The case is decided already."""


class NotExtendable(RightsError):
    """The deadline was extended before, or is over."""


class Unknown(RightsError):
    """Nobody of this address is known here."""


@dataclass(frozen=True, slots=True)
class Document:
    """What is handed over: the text, its type and the name of the file."""

    text: str
    content_type: str
    name: str


@transaction.atomic
def open_case(
    *, kind: str, email: str, received_on: dt.date, note: str = "", actor: User | None = None, by: str = ""
) -> RightsCase:
    """Begin a case; `by` is who did where it was no user.

    Raises RightsError for a broken address, an unknown kind, or a day that has not come.
    """
    if kind not in RightsKind.values:
        raise RightsError("Choose what the person asks for.", "kind")
    if received_on > clock.now().date():
        raise RightsError("The request cannot come from the future.", "received_on")
    try:
        address = normalise_email(email)
    except AddressRefusedError as error:
        raise RightsError(f"Please check the address: {error}.", "email") from None
    case = RightsCase.objects.create(
        kind=kind, email=address, email_key=keys.email_key(address), received_on=received_on,
        due_on=months.later(received_on, FIRST_MONTHS), created_by=actor,
    )  # fmt: skip
    log(case, "opened", actor, note, by=by)
    return case


def person_of(case: RightsCase) -> Subscriber | None:
    """Return the person of today, also where the address of the request was merged into another one."""
    key = bytes(case.email_key)
    if found := Subscriber.objects.filter(email_key=key).first():
        return found
    merged = PersonMerge.objects.filter(old_email_key=key).first()
    return Subscriber.objects.filter(pk=merging.current_id(merged.old_id)).first() if merged else None


@transaction.atomic
def extend(*, case: RightsCase, reason: str, actor: User | None) -> RightsCase:
    """Extend the deadline by two months, once, with the reason that the person is told. Raises NotExtendable."""
    case = _open(case)
    if case.extended_at is not None:
        raise NotExtendable("The deadline was extended already; the law allows it once.")
    if clock.now().date() > case.due_on:
        raise NotExtendable("The deadline is over; an extension must be said within it.")
    if not reason.strip():
        raise RightsError("Give the reason that the person is told.", "reason")
    case.due_on = months.later(case.received_on, FIRST_MONTHS + MORE_MONTHS)
    case.extended_at, case.extension_reason = clock.now(), reason.strip()[:500]
    case.save(update_fields=["due_on", "extended_at", "extension_reason", "updated_at"])
    log(case, "extended", actor, reason)
    return case


@transaction.atomic
def note(*, case: RightsCase, text: str, actor: User | None) -> None:
    """Add a line to the log, such as how the identity was checked."""
    if not text.strip():
        raise RightsError("Write what was done.", "text")
    log(_open(case), "noted", actor, text)


@transaction.atomic
def close(*, case: RightsCase, refused: bool, text: str, actor: User | None) -> RightsCase:
    """Decide a case. A refusal needs its reason, which the person is told (Art. 12(4))."""
    case = _open(case)
    if not text.strip():
        raise RightsError("Say what the person was told." if not refused else "Give the reason.", "text")
    return _close(case, RightsState.REFUSED if refused else RightsState.DONE, text, actor)


@transaction.atomic
def hand_over(*, case: RightsCase, form: str, actor: User | None) -> Document:
    """Return what is held, as `json` or `csv`, and note in the log what was handed over. Raises Unknown."""
    case = _open(case)
    person = _known(case)
    if form not in {"json", "csv"}:
        raise RightsError("It can be had as JSON or CSV.")
    held = holdings.of(person, given_only=case.kind == RightsKind.PORTABILITY)
    text = json.dumps(held, ensure_ascii=False, indent=1) if form == "json" else holdings.as_csv(held)
    raw = text.encode()
    log(
        case, "handed_over", actor, f"Downloaded as {form.upper()}.",
        {"form": form, "bytes": len(raw), "sha256": hashlib.sha256(raw).hexdigest(), "sections": sorted(held)},
    )  # fmt: skip
    types = {"json": "application/json", "csv": "text/csv; charset=utf-8"}
    return Document(text, types[form], f"personal-data-{case.public_id}.{form}")


@transaction.atomic
def rectify(*, case: RightsCase, name: str, language: str, actor: User | None) -> RightsCase:
    """Correct name and language. A new address is a new person, who must confirm it themselves."""
    case = _open(case)
    person = _known(case)
    changed = [
        word for word, old, new in (("name", person.name, name), ("language", person.language, language))
        if old != new
    ]  # fmt: skip
    if not changed:
        raise RightsError("Nothing differs from what is stored.")
    subscribers.edit(
        subscriber=person, name=name, language=language, values={}, list_ids=[], actor=actor,
        tags=[tag.name for tag in person.tags.all()],
    )  # fmt: skip
    return _close(case, RightsState.DONE, f"Corrected: {', '.join(changed)}.", actor)


@transaction.atomic
def restrict(*, case: RightsCase, actor: User | None) -> RightsCase:
    """Store the person and do nothing else: no mail of any kind until the restriction is lifted here."""
    case = _open(case)
    person = _known(case)
    suppression.suppress(
        email_key=bytes(person.email_key), reason=SuppressionReason.RESTRICTED, source=_source(case)
    )
    return _close(case, RightsState.DONE, "Restricted: stored, and not mailed.", actor)


@transaction.atomic
def lift_restriction(*, case: RightsCase, because: str, actor: User | None) -> None:
    """End the restriction that this case made; the person is told before (Art. 18(3)). Raises RightsError."""
    person = _known(case)
    if not because.strip():
        raise RightsError("Say why the restriction ends, and that the person was told.", "text")
    if not suppression.lift_restriction(email_key=bytes(person.email_key), because=because):
        raise RightsError("This person is not restricted.")
    log(case, "lifted", actor, because)


@transaction.atomic
def object_(*, case: RightsCase, actor: User | None) -> RightsCase:
    """End all marketing mail, for an unknown address as well (Art. 21(3))."""
    case = _open(case)
    person = person_of(case)
    if person is not None:
        unsubscribe.leave_all(subscriber_id=person.pk, source=_source(case), method="manual", actor=actor)
    suppression.suppress(
        email_key=bytes(case.email_key), reason=SuppressionReason.UNSUBSCRIBE, source=_source(case)
    )
    text = "No marketing mail any more; the objection is in the consent register."
    if person is None:
        text = "Nobody of this address is known. It is blocked for marketing mail all the same."
    return _close(case, RightsState.DONE, text, actor)


def erase(*, case: RightsCase, at_amazon: bool, actor: User | None) -> RightsCase:
    """Erase the person; with `at_amazon` also from the suppression list of the SES account, first.

    Raises `ses_list.SuppressionListUnreachable` before anything is erased: afterwards nobody knows the address.
    """
    _open(case)
    reached = [_at_amazon(case.email)] if at_amazon else []
    with transaction.atomic():
        locked = _open(case)
        return _erase(locked, person_of(locked), reached, [] if at_amazon else [_NOT_ASKED], actor=actor)


def erase_person(*, subscriber_id: int, actor: User | None = None) -> RightsCase:
    """Erase somebody at once and return the decided case; without `actor` the person did it, behind their own link.

    It is the case that waits for a decision, if there is one. The suppression list of the SES account is asked only
    where it may hold the address; an answer that does not come keeps nobody from being erased, and the case says so.
    Raises erasure.NobodyToErase.
    """
    person = Subscriber.objects.filter(pk=subscriber_id).first()
    if person is None:
        raise erasure.NobodyToErase(f"no subscriber {subscriber_id}")
    by, note = ("", _ON_THEIR_PAGE) if actor else (THE_PERSON, _BY_THEMSELVES)
    reached, left = _try_amazon(person)
    with transaction.atomic():
        waiting = RightsCase.objects.select_for_update().filter(
            email_key=bytes(person.email_key), kind=RightsKind.ERASURE, state=RightsState.OPEN
        )
        case = waiting.order_by("pk").first() or open_case(
            kind=RightsKind.ERASURE, email=person.email, received_on=clock.now().date(),
            note=note, actor=actor, by=by,
        )  # fmt: skip
        return _erase(case, person, reached, left, actor=actor, by=by)


def _erase(
    case: RightsCase,
    person: Subscriber | None,
    reached: list[str],
    left: list[str],
    *,
    actor: User | None,
    by: str = "",
) -> RightsCase:
    """Erase who a case is about, in the caller's transaction, and decide the case."""
    if person is not None:
        erasure.erase(subscriber_id=person.pk, actor=actor, source=_source(case))
        reached = [
            *reached,
            "The person, their lists, tags and profile; addresses and evidence beside the register.",
        ]
    erasure.erase_address(email=case.email, source=_source(case))
    reached = [
        *reached,
        "Rows of imports, refused or waiting; sign-ups that were not confirmed; mail owed to them.",
        "Campaigns under way: whoever is not mailed yet is left out.",
    ]
    case.email = ""
    case.save(update_fields=["email", "updated_at"])
    text = "Erased." if person else "Nobody of this address was known; it is blocked all the same."
    # By default that list holds nothing but keyed hashes.
    copies = [_COPIES] if settings.SUPPRESSION_COPY == "addresses" else []
    detail = {"reached": reached, "out_of_reach": [*OUT_OF_REACH, *copies, *left]}
    return _close(case, RightsState.DONE, text, actor, detail, by=by)


def _try_amazon(person: Subscriber) -> tuple[list[str], list[str]]:
    """Return what was reached at Amazon and what was not."""
    known = {SuppressionReason.BOUNCE.value, SuppressionReason.COMPLAINT.value}
    if not known & suppression.suppression_reasons(bytes(person.email_key)):
        return [], [_NOT_ON_IT]
    try:
        return [_at_amazon(person.email)], []
    except (ses_list.SuppressionListUnreachable, AwsConfigurationError, SecretUnreadable):
        return [], [_NO_ANSWER]


def _at_amazon(email: str) -> str:
    gone = ses_list.remove(installation.aws_connection(), email=email)
    return (
        f"The suppression list of the Amazon SES account ({'taken off' if gone else 'did not stand there'})."
    )


def log(
    case: RightsCase,
    action: str,
    actor: User | None,
    text: str = "",
    detail: dict[str, Any] | None = None,
    *,
    by: str = "",
) -> None:
    """Write one line of the case's log and one of the audit log, inside the caller's transaction."""
    label = actor.email if actor else by or "system"
    RightsStep.objects.create(
        case=case, actor_label=label, action=action, text=text.strip()[:1000], detail=detail or {}
    )
    facts = {"kind": case.kind} | {key: value for key, value in (detail or {}).items() if key != "reached"}
    audit.record(actor=actor, action=f"rights.{action}", obj=case, detail=facts)


def _close(
    case: RightsCase,
    state: str,
    text: str,
    actor: User | None,
    detail: dict[str, Any] | None = None,
    *,
    by: str = "",
) -> RightsCase:
    case.state, case.outcome, case.closed_at = state, text.strip()[:1000], clock.now()
    case.save(update_fields=["state", "outcome", "closed_at", "updated_at"])
    log(case, "refused" if state == RightsState.REFUSED else "done", actor, text, detail, by=by)
    return case


def _open(case: RightsCase) -> RightsCase:
    """Return the case, locked where there is a transaction. Raises CaseClosed."""
    rows = RightsCase.objects.filter(pk=case.pk)
    found = (rows.select_for_update() if connection.in_atomic_block else rows).get()
    if found.state != RightsState.OPEN:
        raise CaseClosed("This case is decided already.")
    return found


def _known(case: RightsCase) -> Subscriber:
    person = person_of(case)
    if person is None:
        raise Unknown("Nobody of this address is known here. Answer that, and close the case.")
    return person


def _source(case: RightsCase) -> str:
    return f"privacy request {case.pk}"
