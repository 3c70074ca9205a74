"""Recording consent: who was asked what, in which words, what they did, on what basis we may therefore write.

Every call writes one sealed block of the ledger and brings the people's profiles up to date in the same
transaction.

Lock order, for every transaction that ends here: suppression keys (sorted), then profiles (ascending), then
the ledger. So call once per transaction, and last; several people or purposes go into one `record_many`.
"""

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.db import connection, transaction

from mailplatform.core import clock

from ..ledger import encoding
from ..ledger.rows import personal_text
from ..models import Act, ConsentNotice, ConsentRecord, LawfulBasis, Method, Purpose
from . import basis, sealing

NOTICE_LOCK = 7303
CLOCK_TOLERANCE = dt.timedelta(minutes=5)

KINDS = tuple(
    (name, frozenset(kind.values))
    for name, kind in (("purpose", Purpose), ("act", Act), ("lawful_basis", LawfulBasis), ("method", Method))
)

# What must be shown for each basis, should anybody ask (GDPR Art. 7(1); ePrivacy Art. 13(2) for soft opt-in,
# which needs a sale; Art. 6(1)(f) needs a written assessment). Consent needs the wording or other evidence.
REQUIRED_EVIDENCE: dict[str, tuple[str, ...]] = {
    LawfulBasis.SOFT_OPT_IN: ("order", "order_date"),
    LawfulBasis.CONTRACT: ("contract",),
    LawfulBasis.LEGITIMATE_INTEREST: ("assessment",),
}


class ConsentError(ValueError):
    """A consent that cannot be recorded as given."""


class MissingEvidence(ConsentError):
    """A grant without the evidence that its basis needs."""


class UnknownSubscriber(ConsentError):
    """Nobody has this number; perhaps the person was erased."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsentEntry:
    """One act of one person about one purpose, to be recorded.

    `occurred_at` is when they acted (aware), `evidence` what proves it (JSON without floats), `ip` their
    address, which is cut to its network, `page` where it happened, whose query is dropped, `confirms` the
    record it answers.
    """

    subscriber_id: int
    purpose: str
    act: str
    lawful_basis: str
    method: str
    source: str
    occurred_at: dt.datetime
    actor: str
    notice: ConsentNotice | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    ip: str = ""
    form: str = ""
    page: str = ""
    language: str = ""
    confirms: int = 0


def record(
    *,
    subscriber_id: int,
    purpose: str,
    act: str,
    lawful_basis: str,
    method: str,
    source: str,
    occurred_at: dt.datetime,
    actor: str,
    notice: ConsentNotice | None = None,
    evidence: dict[str, Any] | None = None,
    ip: str = "",
    form: str = "",
    page: str = "",
    language: str = "",
    confirms: int = 0,
) -> ConsentRecord:
    """Record one act; see `ConsentEntry` for the fields and `record_many` for what is raised."""
    entry = ConsentEntry(
        subscriber_id=subscriber_id, purpose=purpose, act=act, lawful_basis=lawful_basis, method=method,
        source=source, occurred_at=occurred_at, actor=actor, notice=notice, evidence=evidence or {}, ip=ip,
        form=form, page=page, language=language, confirms=confirms,
    )  # fmt: skip
    return ConsentRecord.objects.get(id=record_many(entries=[entry])[0])


def record_many(*, entries: Sequence[ConsentEntry]) -> range:
    """Record many acts as one block, an import's chunk for instance; return the ids, in the order given.

    Raises `ConsentError` (nothing is written) for values that do not exist, a time in the future, a grant
    without its evidence, or a person whom nobody knows.
    """
    if not entries:
        return range(0)
    now = clock.now()
    for entry in entries:
        _check(entry, now)
    subscriber_ids = [entry.subscriber_id for entry in entries]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            basis.lock_profiles(cursor, subscriber_ids)
            people = _people(cursor, subscriber_ids)
            ids = sealing.append(
                [partial(_make, entry, people[entry.subscriber_id], now) for entry in entries]
            )
            basis.derive(cursor, subscriber_ids)
    except (encoding.EncodingError, UnicodeEncodeError) as error:
        raise ConsentError(str(error)) from error
    return ids


@transaction.atomic
def ensure_notice(*, purpose: str, text: str, language: str = "en") -> ConsentNotice:
    """Return the notice of exactly this wording, as a new version if it was never shown before."""
    if purpose not in Purpose.values or not text.strip():
        raise ConsentError("a notice needs a purpose and a wording")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NOTICE_LOCK])
    same = ConsentNotice.objects.filter(purpose=purpose, language=language)
    found = same.filter(text=text).first()
    if found is not None:
        return found
    newest = same.order_by("-version").first()
    version = newest.version + 1 if newest else 1
    digest = encoding.notice_hash(version=version, language=language, purpose=purpose, text=text)
    return ConsentNotice.objects.create(
        hash=digest, purpose=purpose, language=language, version=version, text=text
    )


def minimise_ip(address: str) -> str:
    """Return the network of an address: an IPv4 /24 or an IPv6 /48; empty for anything else."""
    try:
        parsed = ipaddress.ip_address(address.strip())
    except ValueError:
        return ""
    prefix = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, prefix), strict=False).network_address)


def _check(entry: ConsentEntry, now: dt.datetime) -> None:
    for name, known in KINDS:
        if getattr(entry, name) not in known:
            raise ConsentError(f"{getattr(entry, name)!r} is no {name}")
    if entry.occurred_at.tzinfo is None:
        raise ConsentError("the time of a consent needs a time zone")
    if entry.occurred_at > now + CLOCK_TOLERANCE:
        raise ConsentError("a consent cannot lie in the future")
    if not entry.actor:
        raise ConsentError("a consent needs somebody who acted")
    if entry.act == Act.GRANTED:
        _check_grant(entry)


def _check_grant(entry: ConsentEntry) -> None:
    if entry.lawful_basis == LawfulBasis.NONE:
        raise ConsentError("a grant needs a lawful basis")
    if entry.purpose != Purpose.MARKETING and entry.lawful_basis != LawfulBasis.CONSENT:
        raise ConsentError("tracking and profiling need consent; no other basis carries them")
    missing = [name for name in REQUIRED_EVIDENCE.get(entry.lawful_basis, ()) if not entry.evidence.get(name)]
    if missing:
        raise MissingEvidence(f"{entry.lawful_basis} needs evidence: {', '.join(missing)}")
    if entry.lawful_basis == LawfulBasis.CONSENT and entry.notice is None and not entry.evidence:
        raise MissingEvidence("consent needs the wording that was shown, or other evidence")


def _people(cursor: Any, subscriber_ids: Sequence[int]) -> dict[int, tuple[str, str, bytes]]:
    wanted = set(subscriber_ids)
    cursor.execute(
        "SELECT id, public_id::text, email, email_key FROM subscribers_subscriber WHERE id = ANY(%s)",
        [list(wanted)],
    )
    people = {row[0]: (row[1], row[2], bytes(row[3])) for row in cursor.fetchall()}
    if len(people) < len(wanted):
        raise UnknownSubscriber(f"no subscriber {min(wanted - people.keys())}")
    return people


def _make(
    entry: ConsentEntry, person: tuple[str, str, bytes], now: dt.datetime, record_id: int
) -> tuple[encoding.Record, sealing.Personal]:
    """Build one record and the personal data beside it, bound by a fresh salt."""
    subject, email, email_key = person
    salt, ip = os.urandom(encoding.SALT_SIZE), minimise_ip(entry.ip) if entry.ip else ""
    evidence = encoding.canonical_json(entry.evidence) if entry.evidence else ""
    text = personal_text(email, ip, evidence)
    notice = entry.notice
    made = encoding.Record(
        id=str(record_id),
        schema_version="1",
        subject=subject,
        purpose=str(entry.purpose),
        act=str(entry.act),
        lawful_basis=str(entry.lawful_basis),
        method=str(entry.method),
        notice_hash=notice.hash if notice else "",
        notice_version=str(notice.version if notice else 0),
        language=_text(entry.language or (notice.language if notice else ""), 10),
        form=_text(entry.form, 200),
        page=_text(_without_query(entry.page), 500),
        source=_text(entry.source, 200),
        actor=_text(entry.actor, 100),
        confirms=str(entry.confirms),
        occurred_at=encoding.format_time(entry.occurred_at),
        recorded_at=encoding.format_time(now),
        commitment=encoding.commitment(salt, text).hex(),
    )
    return made, sealing.Personal(entry.subscriber_id, email, email_key, ip, evidence or "{}", salt)


def _text(value: str, limit: int) -> str:
    """Return what fits its column; Postgres stores no NUL."""
    return value.replace("\0", "")[:limit]


def _without_query(page: str) -> str:
    try:
        return urlsplit(page)._replace(query="", fragment="").geturl()
    except ValueError:
        return ""
