r"""The canonical bytes of a ledger record, and the salted commitment to the personal data beside it.

A record is a tuple of texts, and these texts are at once what is hashed and what stands in an export: whoever
holds the export needs nothing but SHA-256 to recompute a leaf. Version 1 of the leaf is

    b"mailplatform-consent-1\\n" + for each field of `Record`, in that order: 4-byte big-endian length, UTF-8
    bytes

and the leaf's hash is `merkle.leaf_hash` of it. An absent value is the empty text.

The commitment is SHA-256(0x02 || salt || canonical JSON of the personal data), the salt being 32 random
bytes. Erasure deletes salt and data; the commitment stays and says nothing any more, because the salt cannot
be guessed.
"""

import datetime as dt
import json
import re
import struct
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from . import merkle

MAGIC: Final = b"mailplatform-consent-1\n"
COMMITMENT_PREFIX: Final = b"\x02"
SALT_SIZE: Final = 32
TIME_FORMAT: Final = "%Y-%m-%dT%H:%M:%S.%fZ"
_FOUR_DIGITS: Final = 1000
_LENGTH: Final = struct.Struct(">I").pack
# The packed lengths of short texts, as characters: a record that is ASCII is joined as text, and encoded once.
_SHORT: Final = tuple(_LENGTH(length).decode() for length in range(128))
_LONG_NUMBER: Final = re.compile(rb"\d{19}").search
_CANONICAL: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
).encode


class EncodingError(ValueError):
    """A value that has no canonical form."""


class Record(NamedTuple):
    """One record in its canonical text form; names after ISO/IEC TS 27560 where it has one."""

    id: str  # decimal; records are numbered from 1 without a gap
    schema_version: str  # "1": these fields in this order
    subject: str  # random UUID of the person (pii_principal_id); means nothing to anybody after erasure
    purpose: str  # what for: marketing_email, open_tracking, click_tracking, profiling
    act: str  # what happened: requested, granted, refused, withdrawn, objected, erased
    lawful_basis: str  # consent, soft_opt_in, contract, legitimate_interest, none
    method: str  # how it reached us: form, double_opt_in, import, manual, one_click, page, api, system
    notice_hash: str  # of the exact wording shown (`notice_hash` below), or empty
    notice_version: str  # decimal; "0" where no wording was shown
    language: str  # of the wording, BCP 47
    form: str  # the form or file that was used; opaque
    page: str  # where it stood: an address without its query
    source: str  # the campaign run, import or request that led to it; opaque
    actor: str  # who acted: "person", "user:<id>", "import:<id>", "api:<id>", "system"
    confirms: str  # decimal id of the record that this one answers, "0" for none
    occurred_at: str  # when the person acted, UTC, microseconds: 2026-01-31T09:30:00.000000Z
    recorded_at: str  # when it was written down, same form
    commitment: str  # lower-case hex; binds the personal data beside the leaf


def encode(record: Record) -> bytes:
    """Return the leaf's canonical bytes."""
    return MAGIC + pack(record)


def pack(texts: Sequence[str]) -> bytes:
    """Return fields as a leaf holds them: each its length and its bytes."""
    try:
        joined = "".join([_SHORT[len(text)] + text for text in texts])
    except IndexError:
        return b"".join([pack_one(text) for text in texts])
    return joined.encode() if joined.isascii() else b"".join([pack_one(text) for text in texts])


def pack_one(text: str) -> bytes:
    """Return one field as a leaf holds it."""
    raw = text.encode()
    return _LENGTH(len(raw)) + raw


def leaf(record: Record) -> bytes:
    """Return the leaf's 32-byte hash."""
    return merkle.leaf_hash(encode(record))


def canonical_json(data: Mapping[str, Any]) -> str:
    """Return the one JSON text of `data`: sorted keys, no spaces, no escapes beyond JSON's own.

    Floats are refused: their text differs between languages. Write 9.95 as "9.95".
    """
    _refuse_floats(data)
    try:
        text = _CANONICAL(data)
    except TypeError as error:
        raise EncodingError(str(error)) from error
    if "\\u0000" in text:
        raise EncodingError("a text with a NUL cannot be stored")
    return text


def canonical_text(text: str) -> str:
    """Return the canonical JSON of one text."""
    return _CANONICAL(text)


def commitment(salt: bytes, personal: str) -> bytes:
    """Return the 32-byte commitment to the canonical JSON of the personal data."""
    if len(salt) != SALT_SIZE:
        raise EncodingError(f"a salt has {SALT_SIZE} bytes, not {len(salt)}")
    return sha256(COMMITMENT_PREFIX + salt + personal.encode()).digest()


def notice_hash(*, version: int, language: str, purpose: str, text: str) -> str:
    """Return the hash, in hex, under which the exact wording of a notice stands in the ledger."""
    fields = {"version": version, "language": language, "purpose": purpose, "text": text}
    return sha256(canonical_json(fields).encode()).hexdigest()


def canonical_stored(text: bytes) -> bytes:
    """Return the canonical form of JSON that was canonical before Postgres put it into an order of its own.

    For exports: several times faster than `canonical_json`, whose checks such a value has passed already.
    """
    if _LONG_NUMBER(text):  # perhaps a whole number of more than 64 bits, which orjson would round
        return canonical_json(json.loads(text)).encode()
    return orjson.dumps(orjson.loads(text), option=orjson.OPT_SORT_KEYS)


def format_time(moment: dt.datetime) -> str:
    """Return an aware time in UTC with microseconds."""
    if moment.tzinfo is None:
        raise EncodingError("a time without a time zone has no canonical form")
    utc = moment.astimezone(dt.UTC)
    if utc.year < _FOUR_DIGITS:  # strftime leaves the zeros out, isoformat does not
        return utc.strftime(TIME_FORMAT)
    return f"{utc.isoformat(timespec='microseconds')[:-6]}Z"


def parse_time(text: str) -> dt.datetime:
    """Read what `format_time` wrote."""
    try:
        return dt.datetime.strptime(text, TIME_FORMAT).replace(tzinfo=dt.UTC)
    except ValueError as error:
        raise EncodingError(f"not a canonical time: {text!r}") from error


def _refuse_floats(value: object) -> None:
    if isinstance(value, float):
        raise EncodingError("a float has no canonical form; write it as text")
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if not isinstance(key, str):
                raise EncodingError("keys are texts")
            _refuse_floats(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            _refuse_floats(inner)
