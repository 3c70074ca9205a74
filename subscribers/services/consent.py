"""Recording consent: who was asked what, in which words, what they did, on what basis we may therefore write.

Every call writes one sealed block of the ledger and brings the people's profiles up to date in the same
transaction.

Lock order, for every transaction that ends here: suppression keys (sorted), then profiles (ascending), then
the ledger. So call once per transaction, and last; several people or purposes go into one `record_many`.
"""

import datetime as dt
import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from django.db import connection, transaction

from mailplatform.core import clock

from ..ledger import encoding, writing
from ..models import Act, ConsentNotice, ConsentRecord, LawfulBasis, Method, Purpose
from . import basis, sealing

NOTICE_LOCK = 7303
CLOCK_TOLERANCE = dt.timedelta(minutes=5)

KINDS = tuple(
    (name, frozenset(kind.values))
    for name, kind in (("purpose", Purpose), ("act", Act), ("lawful_basis", LawfulBasis), ("method", Method))
)

# What whoever claims a soft opt-in has declared; `merging.statement.check_soft_opt_in` asks for it.
SOFT_OPT_IN_DECLARED: Mapping[str, bool] = MappingProxyType(
    {"similar_products": True, "opt_out_offered": True}
)
# What must be shown for each basis, should anybody ask (GDPR Art. 7(1); ePrivacy Art. 13(2) for soft opt-in,
# which needs a sale; Art. 6(1)(f) needs a written assessment). Consent needs the wording or other evidence.
REQUIRED_EVIDENCE: dict[str, tuple[str, ...]] = {
    LawfulBasis.SOFT_OPT_IN: ("order", "order_date", *SOFT_OPT_IN_DECLARED),
    LawfulBasis.CONTRACT: ("contract",),
    LawfulBasis.LEGITIMATE_INTEREST: ("assessment",),
}


class ConsentError(ValueError):
    """A consent that cannot be recorded as given."""


class MissingEvidence(ConsentError):
    """A grant without the evidence that its basis needs."""


class UnknownSubscriber(ConsentError):
    """Nobody has this number; perhaps the person was erased."""


class ConsentEntry(NamedTuple):
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
    evidence: Mapping[str, Any] = MappingProxyType({})
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
    latest = now + CLOCK_TOLERANCE
    for entry in entries:
        _check(entry, latest)
    subscriber_ids = [entry.subscriber_id for entry in entries]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            basis.lock_profiles(cursor, subscriber_ids)
            people = _people(cursor, subscriber_ids)
            ids = sealing.append(_drafts(entries, people), recorded_at=now)
            basis.derive(cursor, subscriber_ids)
    except (encoding.EncodingError, UnicodeEncodeError) as error:
        raise ConsentError(str(error)) from error
    return ids


@transaction.atomic
def ensure_notice(*, purpose: str, text: str, language: str = "en") -> ConsentNotice:
    """Return the notice of exactly this wording, as a new version if it was never shown before.

    A known one is found without a lock: it never changes, and whoever holds the ledger's lock waits for nobody here.
    """
    if purpose not in Purpose.values or not text.strip():
        raise ConsentError("a notice needs a purpose and a wording")
    same = ConsentNotice.objects.filter(purpose=purpose, language=language)
    if known := same.filter(text=text).first():
        return known
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [NOTICE_LOCK])
    if known := same.filter(text=text).first():
        return known
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


def _check(entry: ConsentEntry, latest: dt.datetime) -> None:
    _check_kinds(entry.purpose, entry.act, entry.lawful_basis, entry.method)
    if entry.occurred_at.tzinfo is None:
        raise ConsentError("the time of a consent needs a time zone")
    if entry.occurred_at > latest:
        raise ConsentError("a consent cannot lie in the future")
    if not entry.actor:
        raise ConsentError("a consent needs somebody who acted")
    if entry.act == Act.GRANTED:
        _check_grant(entry)


@lru_cache(maxsize=256)
def _check_kinds(*kinds: str) -> None:
    for (name, known), kind in zip(KINDS, kinds, strict=True):
        if kind not in known:
            raise ConsentError(f"{kind!r} is no {name}")


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


def _people(cursor: Any, subscriber_ids: Sequence[int]) -> dict[int, tuple[str, str, str]]:
    """Return UUID, address and the address's key in hex by id."""
    wanted = set(subscriber_ids)
    cursor.execute(
        "SELECT id, public_id::text, email, encode(email_key, 'hex') FROM subscribers_subscriber"
        " WHERE id = ANY(%s)",
        [list(wanted)],
    )
    people = {row[0]: row[1:] for row in cursor.fetchall()}
    if len(people) < len(wanted):
        raise UnknownSubscriber(f"no subscriber {min(wanted - people.keys())}")
    return people


def _drafts(
    entries: Sequence[ConsentEntry], people: Mapping[int, tuple[str, str, str]]
) -> list[writing.Draft]:
    """Bring entries into their canonical form; what many of them have in common is made once."""
    shared: dict[tuple[Any, ...], writing.Shared] = {}
    times: dict[dt.datetime, str] = {}
    drafts = []
    evidence, text = None, ""
    for entry in entries:
        (subscriber_id, purpose, act, lawful_basis, method, source, occurred_at, actor, notice, said, ip,
         form, page, language, confirms) = entry  # fmt: skip
        key = (purpose, act, lawful_basis, method, source, actor, notice and notice.hash, form, page,
               language, confirms)  # fmt: skip
        if (common := shared.get(key)) is None:
            common = shared[key] = writing.share(_shared_texts(entry))
        if (moment := times.get(occurred_at)) is None:
            moment = times[occurred_at] = encoding.format_time(occurred_at)
        if said is not evidence:  # the records of one person are likely to rest on the same
            evidence, text = said, encoding.canonical_json(said) if said else ""
        drafts.append(
            writing.Draft(
                subscriber_id, *people[subscriber_id], minimise_ip(ip) if ip else "", text, common, moment
            )
        )
    return drafts


def _shared_texts(entry: ConsentEntry) -> list[str]:
    """Return the fields of a record from `purpose` to `confirms`, in its order."""
    notice = entry.notice
    return [
        str(entry.purpose),
        str(entry.act),
        str(entry.lawful_basis),
        str(entry.method),
        notice.hash if notice else "",
        str(notice.version if notice else 0),
        _text(entry.language or (notice.language if notice else ""), 10),
        _text(entry.form, 200),
        _text(_without_query(entry.page), 500),
        _text(entry.source, 200),
        _text(entry.actor, 100),
        str(entry.confirms),
    ]


def _text(value: str, limit: int) -> str:
    """Return what fits its column; Postgres stores no NUL."""
    return value.replace("\0", "")[:limit]


def _without_query(page: str) -> str:
    try:
        return urlsplit(page)._replace(query="", fragment="").geturl()
    except ValueError:
        return ""
